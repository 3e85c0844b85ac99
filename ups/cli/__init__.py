"""The command lines: ``dcmups`` (main), ``upsscp`` and the demo. What passes here at start-up imports nothing heavy."""
