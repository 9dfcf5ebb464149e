"""The table that a kernel is called with: where each address, size and stride stands. Generator and caller both read it here."""

from __future__ import annotations

from functools import cached_property

from recurra.compiler.plan import Plan

# What stands in front: arrays of one i64 a sequence, the direction in rows, the number of steps, and the product's address.
# `narrow` is the product that reads ranges; `together` says that all sequences have the same step number.
HEAD = ("first_row", "length", "first_step", "stride", "steps", "products", "narrow", "together")


_tables: dict[int, Table] = {}


class Table:
    """The positions of a plan's table."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @staticmethod
    def of(plan: Plan) -> Table:
        """The table of a plan, made once."""
        found = _tables.get(id(plan))
        if found is None:
            # The plan is kept, so its id stays its own.
            found = _tables[id(plan)] = Table(plan)
        return found

    def head(self, name: str) -> int:
        return HEAD.index(name)

    def buffer(self, buffer: int, what: int = 0) -> int:
        """0: its address; 1: its stride in floats; 2: of a course the address of the values before the first step, of a pair the
        distance of its halves in floats."""
        return len(HEAD) + 3 * buffer + what

    def size(self, name: str, padded: bool) -> int:
        """How many units a size has, or that rounded up to whole vectors."""
        return self._sizes + 2 * self.plan.size_names.index(name) + int(padded)

    def bias(self, products: int) -> int:
        """The address of a product's bias (zeros where it has none); the next number is how many panels it has."""
        return self._products + 2 * products

    def weights(self, products: int, term: int) -> int:
        """The address of a term's packed weights; behind it that of its ranges along k, two i64 a panel."""
        return self._weights[products][term]

    @cached_property
    def all_products(self) -> list[tuple[int, int]]:
        """The products of a plan in order: stage, and place in the stage."""
        return [(s, k) for s, stage in enumerate(self.plan.stages) for k in range(len(stage.products))]

    @cached_property
    def _sizes(self) -> int:
        return len(HEAD) + 3 * len(self.plan.buffers)

    @cached_property
    def _products(self) -> int:
        return self._sizes + 2 * len(self.plan.size_names)

    @cached_property
    def _weights(self) -> list[list[int]]:
        at = self._products + 2 * len(self.all_products)
        places = []
        for stage, k in self.all_products:
            terms = len(self.plan.stages[stage].products[k].terms)
            places.append(list(range(at, at + 2 * terms, 2)))
            at += 2 * terms
        return places

    @cached_property
    def length(self) -> int:
        return self._products + 2 * len(self.all_products) + 2 * sum(map(len, self._weights))
