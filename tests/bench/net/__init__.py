"""``python -m tests.bench.net``: associations over loopback, beside pynetdicom, DCMTK and plain sockets.

What is measured
    Each candidate is a client process and a server process; the client says how many seconds its work took, without its
    start, its imports and (but for "associate and release") its association, which one operation has warmed up. Every
    figure is the median of interleaved rounds. All clients run on one CPU and all servers on another, ours, the peers'
    and those of the socket loops alike; the head of the output names both, the
    network, which is one of their own where that is allowed, and the congestion control of TCP: see ``network``.

Candidates
    ``blocking`` and ``asyncio`` are ours, both ends by that driver. ``pynetdicom`` is a pair of its own: TCP_NODELAY on
    both sockets of every association (by EVT_CONN_OPEN), identifiers not logged, files sent in parts, all else as it
    comes. ``DCMTK`` is storescu or echoscu to storescp --ignore, all with TCP_NODELAY=1 in their environment: the
    seconds of a run that repeats its work N + 1 times less those of a run that does it once. It associates in a C++
    loop over ASC_requestAssociation (``tests/bench/dcmtk/associate.cc``), since its tools do so once. ``socket`` is two
    loops in Python that exchange as many bytes as ours did when they were counted, one write for each turn, TCP_NODELAY
    set: the limit. In the table of C-STORE ``to storescp`` is our blocking SCU, ``from storescu`` our asyncio SCP.

Work
    Round trips: C-ECHO; N-CREATE with a workitem of 61 elements, encoded anew every time; N-GET answered with the same,
    decoded without reading its values. C-FIND: one request, 1,000 pending responses of ten elements, each encoded and
    decoded. Associate and release: one Verification context with two transfer syntaxes, from connect to close.
    Idle associations: see ``idle``. A large object: see ``stream``.
    C-STORE: Part 10 files in the page cache, given to everybody by path; nobody writes what was received to a disk, and
    ours let it pass as it comes.
"""
