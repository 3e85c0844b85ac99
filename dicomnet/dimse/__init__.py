"""DIMSE (PS3.7): command sets, messages, statuses, and the exchange that carries them over an association."""
