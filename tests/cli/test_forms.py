"""Whatever a peer sends, every form of output writes what it can of it, line by line, and nothing else happens."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from dicomnet import uids
from dicomnet.dataset import encode
from dicomnet.dimse.messages import CFindResponse, EncodedDataSet, NEventReportRequest, NGetResponse
from dicomnet.errors import DecodeError
from dicomnet.testing.datasets import datasets
from dicomnet.testing.pdus import mutated
from ups.cli.console import Console, is_harmless
from ups.cli.json_lines import JsonResults
from ups.cli.plain import PlainResults
from ups.cli.results import Results
from ups.cli.saving import FileResults, FolderResults
from ups.cli.sheet import SheetResults
from ups.cli.table import Column, TableResults
from ups.cli.terminal import Terminal
from ups.cli.xml_lines import XmlResults

COLUMNS = [Column("Name", (0x00100010,)), Column("Code", (0x00404018, 0x00080100)), Column("State", (0x00741000,))]
FORMS: dict[str, Callable[[Console, str], Results]] = {
    "plain": lambda console, _: PlainResults(console),
    "json": lambda console, _: JsonResults(console),
    "xml": lambda console, _: XmlResults(console),
    "table": lambda console, _: TableResults(console, COLUMNS, Terminal()),
    "sheet": lambda console, _: SheetResults(console, Terminal()),
    "folder": lambda console, folder: FolderResults(console, folder, sop_class=uids.UPS_PUSH),
    "file": lambda console, folder: FileResults(console, f"{folder}/x", sop_class=uids.UPS_PUSH, instance="1.2.3"),
}
CHECKS: dict[str, Callable[[str], object]] = {"json": json.loads, "xml": lambda line: etree.fromstring(line.encode())}


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), syntax=st.sampled_from([uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE]))
def test_no_form_fails(data: st.DataObject, syntax: str) -> None:
    hostile = EncodedDataSet(data.draw(mutated(encode(data.draw(datasets()), syntax))), syntax)
    for form in FORMS:
        out, err = io.StringIO(), io.StringIO()
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(out), redirect_stderr(err):
            show(FORMS[form](Console("dcmups"), folder), hostile)
        for line in (*out.getvalue().split("\n"), *err.getvalue().split("\n")):
            assert all(map(is_harmless, line)), (form, line)
        for line in out.getvalue().splitlines():
            CHECKS.get(form, str)(line)


def show(results: Results, hostile: EncodedDataSet) -> None:
    results.match(CFindResponse(responding_to=1, status=0xFF00, data_set=hostile))
    try:
        results.found(NGetResponse(responding_to=1, status=0, data_set=hostile))
    except DecodeError:
        assert results.unreadable
    report = NEventReportRequest(sop_class=uids.UPS_PUSH, instance="1.2.3", event_type=1, data_set=hostile)
    results.event(report, "PEER", datetime.now(UTC))
    results.close()
