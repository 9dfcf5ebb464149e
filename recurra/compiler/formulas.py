"""A program read back as formulas, in the matrices' own names or in the letters U (input), W (memory), V (output)."""

from __future__ import annotations

from recurra.cells.notation import COMPARISONS, ROW_FUNCTIONS, UNARY
from recurra.compiler.program import Program

INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
STRENGTH = {"add": 2, "sub": 2, "mul": 3, "div": 3, "mod": 3, **dict.fromkeys(COMPARISONS, 1)}
ATOM = 9


def formulas(program: Program, letters: bool = False) -> list[str]:
    """One line a gate and a renewed state; a prime marks the renewed one: `c' = f * c + i * g`."""
    return _Writer(program, letters).lines()


def value_names(program: Program) -> dict[int, str]:
    """The names that the formulas give to nodes: gates, renewed states, what is used twice."""
    writer = _Writer(program, letters=False)
    writer.lines()
    return writer.names


class _Writer:
    """Names the nodes worth a line, then writes each in terms of the others."""

    def __init__(self, program: Program, letters: bool) -> None:
        self.program, self.letters = program, letters
        self.names: dict[int, str] = {}
        self.order: list[int] = []

    def lines(self) -> list[str]:
        self._name_gates()
        renewed = {n: f"{k}'" for k, n in zip(self.program.states, self.program.new, strict=False)}
        for n, name in renewed.items():
            if self.program.nodes[n].args:
                self.names[n] = name
        self._name_shared()
        lines = [f"{self.names[n]} = {self._body(n)[0]}" for n in sorted(self.names) if self.program.nodes[n].args]
        said = {n for n in self.names if self.program.nodes[n].args}
        if not self.program.states and self.program.new[0] not in said:
            lines.append(f"output = {self._text(self.program.new[0])}")
        pairs = zip(self.program.new, self.program.states, strict=False)
        return lines + [f"{k}' = {self._text(n)}" for n, k in pairs if self.names.get(n) != f"{k}'"]

    def _name_gates(self) -> None:
        """The function of a sum into one gate is called by the gate."""
        gate_of: dict[int, str | None] = {}
        for n, node in enumerate(self.program.nodes):
            gates = {gate_of[a] for a in node.args} - {None}
            if node.op == "product":
                gate_of[n] = str(node.attr).split(".")[1]
            elif node.op in ("add", "sub", "norm", "mul", "div", "neg") and len(gates) == 1:
                gate_of[n] = gates.pop()
            else:
                gate_of[n] = None
            if node.op in UNARY and len(gates) == 1 and node.op != "neg":
                name = next(iter(gates))
                if name and name not in self.names.values() and name not in self.program.states:
                    self.names[n] = name

    def _name_shared(self) -> None:
        """What is used twice and is more than a product gets a name of its own."""
        uses = [a for node in self.program.nodes for a in node.args]
        free = iter(f"v{j}" for j in range(1, len(self.program.nodes) + 1))
        for n, node in enumerate(self.program.nodes):
            if n not in self.names and uses.count(n) > 1 and node.args and node.op != "product" and not self._trivial(n):
                self.names[n] = next(free)

    def _trivial(self, n: int) -> bool:
        return sum(bool(self.program.nodes[a].args) for a in self.program.nodes[n].args) == 0

    def _text(self, n: int, strength: int = 0) -> str:
        if n in self.names:
            return self.names[n]
        text, own = self._body(n)
        return f"({text})" if own < strength else text

    def _body(self, n: int) -> tuple[str, int]:
        """A node's formula, and how strongly it holds together."""
        node = self.program.nodes[n]
        if node.op == "number":
            return f"{node.attr:g}", ATOM
        if node.op in ("input", "state", "step", "unit", "learned"):
            return str(node.attr), ATOM
        if node.op in ("gain", "shift"):
            return f"{node.op}_{node.attr}", ATOM
        if node.op == "mask":
            return f"mask_{node.attr}", ATOM
        if node.op == "product":
            return self._product(n), 2 if " + " in self._product(n) else 4
        if node.op == "neg":
            return f"-{self._text(node.args[0], 4)}", 3
        if node.op in INFIX:
            own = STRENGTH[node.op]
            left, right = self._text(node.args[0], own), self._text(node.args[1], own + (node.op not in ("add", "mul")))
            return f"{left} {INFIX[node.op]} {right}", own
        call = f"norm{node.attr or ''}" if node.op in ROW_FUNCTIONS and node.op == "norm" else node.op
        return f"{call}({', '.join(self._text(a) for a in node.args)})", ATOM

    def _product(self, n: int) -> str:
        node = self.program.nodes[n]
        matrix, _ = self.program.matrix(node)
        gate = str(node.attr).split(".")[1]
        source = self._text(node.args[0], ATOM)
        if self.letters:
            letter = self._letter(n)
            single = len(matrix.gates) == 1
            weight, bias = (letter, f"b_{letter}") if single else (f"{letter}_{gate}", f"b_{letter}{gate}")
        else:
            source_letter = matrix.name.split("_")[0] if "_" in matrix.name else matrix.name[0]
            tag = f"{source_letter}{gate}" if len(source_letter + gate) == 2 else f"{source_letter}_{gate}"
            weight, bias = f"W_{tag}", f"b_{tag}"
        times = " * " if matrix.diagonal else " "
        return f"{weight}{times}{source}" + (f" + {bias}" if matrix.bias else "")

    def _letter(self, n: int) -> str:
        """U maps the input, V maps into the output's own width, W maps the memory; a second memory keeps its name."""
        matrix, _ = self.program.matrix(self.program.nodes[n])
        first = self.program.states[0] if self.program.states else "h"
        if matrix.name.startswith("i"):
            return "U"
        if matrix.rows not in ("hidden_size", "one") and matrix.rows == self.program.output_size_name:
            return "V"
        source = matrix.name.split("_")[0] if "_" in matrix.name else matrix.name[0]
        return "W" if source == first or source == "h" else f"W{source}"
