"""Reads an order as JSON, prints what was found as JSON."""

from __future__ import annotations

import importlib
import json
import sys


def main() -> None:
    """Bring the one module along that the order names: a peak of memory is that of what it measures."""
    order = json.load(sys.stdin)
    print(json.dumps(importlib.import_module(f"recurra.commands.bench.child.{order['kind']}").measure(order)))


main()
