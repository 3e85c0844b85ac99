"""The upper layer of PS3.8 without sockets, clocks or threads: Table 9-10, negotiation and the Association."""
