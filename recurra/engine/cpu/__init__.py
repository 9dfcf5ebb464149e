"""The CPU backend: a plan becomes LLVM code, and one call walks the whole sequence for a share of the batch."""
