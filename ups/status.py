"""What a status says in a UPS operation (PS3.4 CC.2; general codes PS3.7 Annex C), for programs and for people.

Pure data in our own words: the service-specific codes by name, and for each status the meaning and the next step that
the command line prints. Which operation may answer what is the business of ``state``, ``rules`` and ``service``.
"""

from __future__ import annotations

from collections.abc import Mapping

from dicomnet.records import dataclass

__all__ = [
    "ALREADY_CANCELED",
    "ALREADY_COMPLETED",
    "ALREADY_IN_PROGRESS",
    "COMPLETED_BEFORE_CANCEL",
    "CREATED_WITH_MODIFICATIONS",
    "DELETION_LOCK_NOT_GRANTED",
    "FINAL_STATE_REQUIREMENTS_NOT_MET",
    "FIND_IDENTIFIER_MISMATCH",
    "FIND_OUT_OF_RESOURCES",
    "FIND_UNABLE_TO_PROCESS",
    "INAPPROPRIATE_ACTION",
    "INVALID_VALUES_COERCED",
    "MAY_NO_LONGER_BE_UPDATED",
    "NOT_IN_PROGRESS",
    "NO_EVENT_REPORTS",
    "NO_SUCH_UPS",
    "NO_TRANSACTION_UID",
    "OPTIONAL_ATTRIBUTES_NOT_SUPPORTED",
    "PERFORMER_CANNOT_BE_CONTACTED",
    "PERFORMER_CHOOSES_NOT_TO_CANCEL",
    "SCHEDULED_ONLY_BY_CREATE",
    "STATE_NOT_SCHEDULED",
    "STATUSES",
    "STATUS_HELP",
    "UNKNOWN_RECEIVING_AE",
    "StatusHelp",
]

OPTIONAL_ATTRIBUTES_NOT_SUPPORTED = 0x0001
CREATED_WITH_MODIFICATIONS = 0xB300
DELETION_LOCK_NOT_GRANTED = 0xB301
ALREADY_CANCELED = 0xB304
INVALID_VALUES_COERCED = 0xB305
ALREADY_COMPLETED = 0xB306
MAY_NO_LONGER_BE_UPDATED = 0xC300
NO_TRANSACTION_UID = 0xC301
ALREADY_IN_PROGRESS = 0xC302
SCHEDULED_ONLY_BY_CREATE = 0xC303
FINAL_STATE_REQUIREMENTS_NOT_MET = 0xC304
NO_SUCH_UPS = 0xC307
UNKNOWN_RECEIVING_AE = 0xC308
STATE_NOT_SCHEDULED = 0xC309
NOT_IN_PROGRESS = 0xC310
COMPLETED_BEFORE_CANCEL = 0xC311
PERFORMER_CANNOT_BE_CONTACTED = 0xC312
PERFORMER_CHOOSES_NOT_TO_CANCEL = 0xC313
INAPPROPRIATE_ACTION = 0xC314
NO_EVENT_REPORTS = 0xC315
FIND_OUT_OF_RESOURCES = 0xA700
FIND_IDENTIFIER_MISMATCH = 0xA900
FIND_UNABLE_TO_PROCESS = 0xC000


@dataclass(frozen=True, slots=True)
class StatusHelp:
    """A status for people: its name, what it means in a UPS operation, and what to do next."""

    name: str
    meaning: str
    advice: str


STATUS_HELP: Mapping[int, StatusHelp] = {
    0x0001: StatusHelp(
        "requested optional attributes not supported",
        "It was done, but the peer does not keep some of the optional attributes named in the request.",
        "Nothing, unless you need them: use 'get' to see what the peer keeps.",
    ),
    0x0105: StatusHelp(
        "no such attribute",
        "The request carries an attribute that may not be sent in this operation.",
        "Remove the attributes named by the peer and send the request again.",
    ),
    0x0106: StatusHelp(
        "invalid attribute value",
        "An attribute has a value outside its list of values or of the wrong form.",
        "Correct the value named by the peer and send the request again.",
    ),
    0x0107: StatusHelp(
        "attribute list error",
        "It was done, but the peer ignored attributes it does not know.",
        "Compare the workitem with what you sent, by 'get'.",
    ),
    0x0110: StatusHelp(
        "processing failure",
        "The peer could not carry the request out; its own state should be unchanged.",
        "Look at the peer's log, then try again later.",
    ),
    0x0111: StatusHelp(
        "duplicate SOP instance",
        "A workitem with this SOP Instance UID already exists.",
        "Use another -iuid, or none to let the peer choose one; 'get' shows the existing workitem.",
    ),
    0x0112: StatusHelp(
        "no such SOP instance",
        "The peer has no workitem with this SOP Instance UID.",
        "Check the UID with 'find'.",
    ),
    0x0113: StatusHelp(
        "no such event type",
        "The receiver does not know this type of event report.",
        "Check that the receiver supports the UPS Event SOP Class.",
    ),
    0x0114: StatusHelp(
        "no such argument",
        "The action carries an attribute the peer does not expect.",
        "Remove the attribute and try again.",
    ),
    0x0115: StatusHelp(
        "invalid argument value",
        "An attribute of the action is missing or has a value the peer does not accept.",
        "Check the values given for the operation.",
    ),
    0x0116: StatusHelp(
        "attribute value out of range",
        "It was done, but a value was outside what the peer can keep.",
        "Compare the workitem with what you sent, by 'get'.",
    ),
    0x0117: StatusHelp(
        "invalid SOP instance",
        "The SOP Instance UID is not a well-formed UID.",
        "Check the value of -iuid: numbers joined by dots, at most 64 characters.",
    ),
    0x0118: StatusHelp(
        "no such SOP class",
        "The peer does not know the SOP class named in the request.",
        "For an old peer try --trial; otherwise check that it is a UPS worklist.",
    ),
    0x0119: StatusHelp(
        "class-instance conflict",
        "The instance exists, but it is no workitem.",
        "Check the value of -iuid with 'find'.",
    ),
    0x0120: StatusHelp(
        "missing attribute",
        "An attribute that must be present (perhaps empty) is not in the data set.",
        "Add the attributes named by the peer, with --set or in the file, and send again.",
    ),
    0x0121: StatusHelp(
        "missing attribute value",
        "An attribute that must have a value is present but empty.",
        "Give the attributes named by the peer a value, with --set or in the file, and send again.",
    ),
    0x0122: StatusHelp(
        "SOP class not supported",
        "The peer does not search in the SOP class of this context.",
        "Try -upspull, -upswatch or another peer.",
    ),
    0x0123: StatusHelp(
        "no such action type",
        "The peer does not do this action in the SOP class that was negotiated.",
        "Try another of -upspush, -upspull, -upswatch.",
    ),
    0x0124: StatusHelp(
        "not authorized",
        "The peer knows the request but does not allow it to you.",
        "Check the calling AE title and the user identity with the peer's administrator.",
    ),
    0x0210: StatusHelp(
        "duplicate invocation",
        "The message id is already in use on this association.",
        "Try again on a new association.",
    ),
    0x0211: StatusHelp(
        "unrecognized operation",
        "The peer does not offer this service in the SOP class that was negotiated.",
        "Try another of -upspush, -upspull, -upswatch.",
    ),
    0x0212: StatusHelp(
        "mistyped argument",
        "A parameter of the request is not of the type the peer expects.",
        "Check the request with -vv.",
    ),
    0x0213: StatusHelp(
        "resource limitation",
        "The peer has not enough room or time for the request.",
        "Try again later.",
    ),
    FIND_OUT_OF_RESOURCES: StatusHelp(
        "out of resources",
        "The peer has not enough room or time for the search.",
        "Narrow the search with more -q keys, or try again later.",
    ),
    FIND_IDENTIFIER_MISMATCH: StatusHelp(
        "identifier does not match SOP class",
        "The search keys do not fit a UPS search.",
        "Check the -q keys, above all the form of dates, times and UIDs.",
    ),
    FIND_UNABLE_TO_PROCESS: StatusHelp(
        "unable to process",
        "The peer could not do the search.",
        "Look at the peer's log, then try again.",
    ),
    0xFE00: StatusHelp("cancelled", "The search was ended by a cancel request.", "Nothing."),
    CREATED_WITH_MODIFICATIONS: StatusHelp(
        "UPS created with modifications",
        "The workitem exists, but the peer changed or filled in some of its values.",
        "Use 'get' to see the workitem as it is kept.",
    ),
    DELETION_LOCK_NOT_GRANTED: StatusHelp(
        "deletion lock not granted",
        "You are subscribed, but the peer may delete the workitem once it has ended.",
        "Fetch final results soon after the last state report.",
    ),
    ALREADY_CANCELED: StatusHelp(
        "already CANCELED",
        "The workitem was already in the requested state CANCELED.",
        "Nothing: what you asked for is so.",
    ),
    INVALID_VALUES_COERCED: StatusHelp(
        "invalid values coerced",
        "The update was done, but the peer replaced invalid values by valid ones.",
        "Use 'get' to see the values as they are kept.",
    ),
    ALREADY_COMPLETED: StatusHelp(
        "already COMPLETED",
        "The workitem was already in the requested state COMPLETED.",
        "Nothing: what you asked for is so.",
    ),
    MAY_NO_LONGER_BE_UPDATED: StatusHelp(
        "may no longer be updated",
        "The workitem has reached COMPLETED or CANCELED and never changes again.",
        "Create a new workitem for further work.",
    ),
    NO_TRANSACTION_UID: StatusHelp(
        "correct Transaction UID missing",
        "The workitem is claimed, and -tuid is not the Transaction UID of that claim.",
        "Give the Transaction UID used for IN PROGRESS; only its owner may change the workitem.",
    ),
    ALREADY_IN_PROGRESS: StatusHelp(
        "already IN PROGRESS",
        "Somebody, perhaps you, has claimed the workitem already.",
        "Choose another SCHEDULED workitem, or go on with the Transaction UID of your own claim.",
    ),
    SCHEDULED_ONLY_BY_CREATE: StatusHelp(
        "SCHEDULED only by N-CREATE",
        "A workitem is SCHEDULED from its creation until it is claimed; no state leads back.",
        "Create a new workitem instead.",
    ),
    FINAL_STATE_REQUIREMENTS_NOT_MET: StatusHelp(
        "final state requirements not met",
        "Attributes that a COMPLETED or CANCELED workitem must have are still without a value.",
        "Set the missing attributes with 'set -tuid', then change the state again.",
    ),
    NO_SUCH_UPS: StatusHelp(
        "no such UPS",
        "The peer does not manage this workitem: it never existed, or it was deleted after its end.",
        "Check the UID with 'find'.",
    ),
    UNKNOWN_RECEIVING_AE: StatusHelp(
        "Receiving AE title unknown",
        "The peer has no network address for the AE title that is to receive the events.",
        "Have the title of -aet entered in the peer's configuration.",
    ),
    STATE_NOT_SCHEDULED: StatusHelp(
        "state is not SCHEDULED",
        "A workitem can be created only with Procedure Step State SCHEDULED.",
        "Set ProcedureStepState to SCHEDULED, then claim the workitem with 'chstate'.",
    ),
    NOT_IN_PROGRESS: StatusHelp(
        "not IN PROGRESS",
        "The operation needs a workitem that has been claimed, and this one is still SCHEDULED.",
        "Claim it first: chstate -state 'IN PROGRESS' with a Transaction UID; or leave out -tuid in 'set'.",
    ),
    COMPLETED_BEFORE_CANCEL: StatusHelp(
        "already COMPLETED, cannot be cancelled",
        "The work was finished before it could be cancelled.",
        "Nothing can be cancelled any more; 'get' shows the results.",
    ),
    PERFORMER_CANNOT_BE_CONTACTED: StatusHelp(
        "performer cannot be contacted",
        "The workitem is being performed, and nobody who could stop it listens to the peer's events.",
        "Contact the performer by other means.",
    ),
    PERFORMER_CHOOSES_NOT_TO_CANCEL: StatusHelp(
        "performer chooses not to cancel",
        "The performer knows the request and goes on with the work.",
        "Contact the performer, or wait for the end of the work.",
    ),
    INAPPROPRIATE_ACTION: StatusHelp(
        "action not appropriate for this instance",
        "The action does not fit the instance, such as a suspend on one workitem.",
        "Leave out -iuid for actions on all workitems, give it for actions on one.",
    ),
    NO_EVENT_REPORTS: StatusHelp(
        "event reports not supported",
        "The peer sends no event reports.",
        "Ask for the state with 'get' or 'find' from time to time.",
    ),
}

STATUSES: Mapping[int, str] = {status: text.name for status, text in STATUS_HELP.items()}
"""Names for ``dicomnet.dimse.status.describe``."""
