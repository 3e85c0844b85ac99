"""What comparing the two bodies of the kernel takes: outcomes, programs of operations, and inputs made from bytes."""
