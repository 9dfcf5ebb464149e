"""Building blocks of kernels, and the only file that knows LLVM: integers, vectors of 16 floats, loops, variables, compiling.

No instruction carries a fast-math flag; a fused multiply-add is written `fma`. A vector is 16 lanes on every machine, so every
machine computes the same bits.
"""

from __future__ import annotations

import ctypes
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import llvmlite
import llvmlite.binding as llvm
from llvmlite import ir

LANES = 16
_i1, _i32, _i64, _f32, _f64 = ir.IntType(1), ir.IntType(32), ir.IntType(64), ir.FloatType(), ir.DoubleType()
_pointer = ir.PointerType()
_vector, _doubles = ir.VectorType(_f32, LANES), ir.VectorType(_f64, LANES)
_ints, _mask = ir.VectorType(_i32, LANES), ir.VectorType(_i1, LANES)
Number = Any  # an i64 of the code being built


def _rounded(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


class Mask:
    """16 truth values."""

    def __init__(self, code: Code, value: Any) -> None:
        self.code, self.value = code, value

    def choose(self, yes: Vector, no: Vector) -> Vector:
        """Lane by lane `yes` where it holds, else `no`."""
        return Vector(self.code, self.code.builder.select(self.value, yes.value, no.value))

    def __or__(self, other: Mask) -> Mask:
        return Mask(self.code, self.code.builder.or_(self.value, other.value))

    def __and__(self, other: Mask) -> Mask:
        return Mask(self.code, self.code.builder.and_(self.value, other.value))

    def any(self) -> Any:
        """Whether one of them holds."""
        bits = self.code.builder.bitcast(self.value, ir.IntType(LANES))
        return self.code.builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(LANES), 0))

    def number(self) -> Vector:
        """1.0 where it holds, else 0.0."""
        return self.choose(self.code.constant(1.0), self.code.constant(0.0))


class Vector:
    """16 floats; Python's operators are the machine's, one rounding each."""

    def __init__(self, code: Code, value: Any) -> None:
        self.code, self.value = code, value

    def _with(self, op: str, other: Vector | float) -> Vector:
        other = self.code.lift(other)
        return Vector(self.code, getattr(self.code.builder, op)(self.value, other.value))

    def __add__(self, other: Vector | float) -> Vector:
        return self._with("fadd", other)

    def __sub__(self, other: Vector | float) -> Vector:
        return self._with("fsub", other)

    def __mul__(self, other: Vector | float) -> Vector:
        return self._with("fmul", other)

    def __truediv__(self, other: Vector | float) -> Vector:
        return self._with("fdiv", other)

    def __neg__(self) -> Vector:
        return Vector(self.code, self.code.builder.fneg(self.value))

    def compare(self, op: str, other: Vector | float) -> Mask:
        """op is < <= > >= == (false with NaN), != (true with NaN) or uno (either is NaN)."""
        other, builder = self.code.lift(other), self.code.builder
        if op in ("!=", "uno"):
            return Mask(self.code, builder.fcmp_unordered("!=" if op == "!=" else "uno", self.value, other.value))
        return Mask(self.code, builder.fcmp_ordered(op, self.value, other.value))

    def call(self, intrinsic: str, *others: Vector) -> Vector:
        """One of LLVM's exact functions: sqrt, floor, fabs, fma."""
        function = self.code.intrinsic(f"llvm.{intrinsic}.v{LANES}f32", _vector, [_vector] * (1 + len(others)))
        return Vector(self.code, self.code.builder.call(function, [self.value, *(o.value for o in others)]))

    def fma(self, factor: Vector | float, addend: Vector | float) -> Vector:
        """self * factor + addend, rounded once."""
        return self.call("fma", self.code.lift(factor), self.code.lift(addend))

    def power_of_two(self) -> Vector:
        """Two to the power of whole numbers between -126 and 127."""
        builder = self.code.builder
        whole = builder.fptosi(self.value, _ints)
        bits = builder.shl(builder.add(whole, ir.Constant(_ints, [127] * LANES)), ir.Constant(_ints, [23] * LANES))
        return Vector(self.code, builder.bitcast(bits, _vector))

    def exponent_and_fraction(self) -> tuple[Vector, Vector]:
        """A positive normal number as fraction * 2 ** exponent, the fraction in [0.5, 1)."""
        builder = self.code.builder
        bits = builder.bitcast(self.value, _ints)
        exponent = builder.sub(builder.lshr(bits, ir.Constant(_ints, [23] * LANES)), ir.Constant(_ints, [126] * LANES))
        low = builder.and_(bits, ir.Constant(_ints, [0x007FFFFF] * LANES))
        fraction = builder.bitcast(builder.or_(low, ir.Constant(_ints, [0x3F000000] * LANES)), _vector)
        return Vector(self.code, builder.sitofp(exponent, _vector)), Vector(self.code, fraction)

    def remainder(self, other: Vector) -> Vector:
        """self - floor(self / other) * other, through doubles, which hold every step number."""
        return Doubles(self.code, self.code.builder.fpext(self.value, _doubles)).remainder(other)

    def quarter_turns(self) -> tuple[Vector, Vector]:
        """An angle as the nearest whole number of quarter turns (0, 1, 2 or 3) and what is left, through doubles."""
        builder = self.code.builder
        wide = builder.fpext(self.value, _doubles)
        turns = builder.fmul(wide, ir.Constant(_doubles, [0.6366197723675814] * LANES))
        whole = builder.call(self.code.intrinsic(f"llvm.rint.v{LANES}f64", _doubles, [_doubles]), [turns])
        rest = builder.fsub(wide, builder.fmul(whole, ir.Constant(_doubles, [1.5707963267948966] * LANES)))
        quarter = builder.fmul(whole, ir.Constant(_doubles, [0.25] * LANES))
        floor = builder.call(self.code.intrinsic(f"llvm.floor.v{LANES}f64", _doubles, [_doubles]), [quarter])
        four = builder.fsub(whole, builder.fmul(floor, ir.Constant(_doubles, [4.0] * LANES)))
        return Vector(self.code, builder.fptrunc(four, _vector)), Vector(self.code, builder.fptrunc(rest, _vector))

    def interleave(self, other: Vector) -> tuple[Vector, Vector]:
        """The lanes of both in turn: the first halves, the second halves."""
        both = []
        for start in (0, LANES // 2):
            order = [start + j // 2 + LANES * (j % 2) for j in range(LANES)]
            both.append(Vector(self.code, self.code.builder.shuffle_vector(self.value, other.value, ir.Constant(_ints, order))))
        return both[0], both[1]

    def reduce(self, join: Callable[[Vector, Vector], Vector]) -> Vector:
        """All 16 lanes joined by one fixed tree; every lane of the result holds it."""
        joined = self
        for half in (8, 4, 2, 1):
            order = ir.Constant(_ints, [(j + half) % LANES for j in range(LANES)])
            turned = self.code.builder.shuffle_vector(joined.value, ir.Constant(_vector, ir.Undefined), order)
            joined = join(joined, Vector(self.code, turned))
        return joined.first()

    def first(self) -> Vector:
        """The first lane, in every lane."""
        zero = ir.Constant(_ints, [0] * LANES)
        return Vector(self.code, self.code.builder.shuffle_vector(self.value, ir.Constant(_vector, ir.Undefined), zero))


class Doubles:
    """16 doubles, for the step number, which floats would stop counting."""

    def __init__(self, code: Code, value: Any) -> None:
        self.code, self.value = code, value

    def remainder(self, other: Vector) -> Vector:
        builder = self.code.builder
        divisor = builder.fpext(other.value, _doubles)
        floor = self.code.intrinsic(f"llvm.floor.v{LANES}f64", _doubles, [_doubles])
        whole = builder.call(floor, [builder.fdiv(self.value, divisor)])
        return Vector(self.code, builder.fptrunc(builder.fsub(self.value, builder.fmul(whole, divisor)), _vector))

    def rounded(self) -> Vector:
        return Vector(self.code, self.code.builder.fptrunc(self.value, _vector))


class Variable:
    """A value that a loop changes."""

    def __init__(self, code: Code, start: Any) -> None:
        self.code = code
        self.wraps = isinstance(start, Vector)
        value = start.value if self.wraps else start
        with code.builder.goto_entry_block():
            self.place = code.builder.alloca(value.type)
        self.set(start)

    def set(self, value: Any) -> None:
        self.code.builder.store(value.value if self.wraps else value, self.place)

    def get(self) -> Any:
        value = self.code.builder.load(self.place, typ=self.place.allocated_type)
        return Vector(self.code, value) if self.wraps else value


class Code:
    """One function being built; its arguments are i64, addresses included."""

    def __init__(self, module: Module, name: str, arguments: int) -> None:
        self.module = module
        self.function = ir.Function(module.ir, ir.FunctionType(ir.VoidType(), [_i64] * arguments), name)
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        body = self.function.append_basic_block("body")
        self.builder.branch(body)
        self.builder.position_at_end(body)
        self.arguments = self.function.args

    def intrinsic(self, name: str, result: Any, arguments: Sequence[Any]) -> Any:
        """A function of LLVM's own, declared once a module."""
        if name not in self.module.ir.globals:
            ir.Function(self.module.ir, ir.FunctionType(result, list(arguments)), name)
        return self.module.ir.globals[name]

    # -- integers

    def integer(self, value: int) -> Number:
        return ir.Constant(_i64, value)

    def add(self, a: Number, b: Number) -> Number:
        return self.builder.add(a, b)

    def sub(self, a: Number, b: Number) -> Number:
        return self.builder.sub(a, b)

    def mul(self, a: Number, b: Number) -> Number:
        return self.builder.mul(a, b)

    def remainder(self, a: Number, b: Number) -> Number:
        """Of numbers that are not negative."""
        return self.builder.urem(a, b)

    def odd(self, a: Number) -> Number:
        """1 for an odd number, 0 for an even one."""
        return self.builder.and_(a, self.integer(1))

    def less(self, a: Number, b: Number) -> Any:
        return self.builder.icmp_signed("<", a, b)

    def equal(self, a: Number, b: Number) -> Any:
        return self.builder.icmp_signed("==", a, b)

    def both(self, a: Any, b: Any) -> Any:
        return self.builder.and_(a, b)

    def either(self, a: Any, b: Any) -> Any:
        return self.builder.or_(a, b)

    def choose(self, condition: Any, a: Number, b: Number) -> Number:
        return self.builder.select(condition, a, b)

    # -- memory; addresses are i64, offsets count elements

    def _at(self, address: Number, offset: Number | None, kind: Any) -> Any:
        base = self.builder.inttoptr(address, _pointer)
        return base if offset is None else self.builder.gep(base, [offset], source_etype=kind)

    def address(self, address: Number, offset: Number) -> Number:
        """The address of the float `offset` behind another."""
        return self.builder.add(address, self.builder.shl(offset, self.integer(2)))

    def load_integer(self, address: Number, offset: Number) -> Number:
        return self.builder.load(self._at(address, offset, _i64), typ=_i64)

    def store_integer(self, value: Number, address: Number, offset: Number) -> None:
        self.builder.store(value, self._at(address, offset, _i64))

    def load(self, address: Number, offset: Number | None = None) -> Vector:
        return Vector(self, self.builder.load(self._at(address, offset, _f32), typ=_vector, align=4))

    def store(self, value: Vector, address: Number, offset: Number | None = None) -> None:
        self.builder.store(value.value, self._at(address, offset, _f32), align=4)

    def load_one(self, address: Number, offset: Number | None = None) -> Vector:
        """One float, in every lane."""
        return self._splat(self.builder.load(self._at(address, offset, _f32), typ=_f32))

    def store_one(self, value: Vector, address: Number) -> None:
        self.builder.store(self.builder.extract_element(value.value, ir.Constant(_i32, 0)), self._at(address, None, _f32))

    # -- vectors

    def lift(self, value: Vector | float) -> Vector:
        return value if isinstance(value, Vector) else self.constant(value)

    def constant(self, value: float) -> Vector:
        return Vector(self, ir.Constant(_vector, [_rounded(value)] * LANES))

    def _splat(self, one: Any) -> Vector:
        lane = self.builder.insert_element(ir.Constant(_vector, ir.Undefined), one, ir.Constant(_i32, 0))
        return Vector(self, lane).first()

    def float_of(self, value: Number) -> Vector:
        """A whole number, in every lane."""
        return self._splat(self.builder.sitofp(value, _f32))

    def doubles_of(self, value: Number) -> Doubles:
        wide = self.builder.sitofp(value, _f64)
        lane = self.builder.insert_element(ir.Constant(_doubles, ir.Undefined), wide, ir.Constant(_i32, 0))
        zero = ir.Constant(_ints, [0] * LANES)
        return Doubles(self, self.builder.shuffle_vector(lane, ir.Constant(_doubles, ir.Undefined), zero))

    def lanes_below(self, count: Number) -> Mask:
        """The first `count` lanes; all of them from 16 on."""
        narrow = self.builder.trunc(self.choose(self.less(count, self.integer(LANES)), count, self.integer(LANES)), _i32)
        lane = self.builder.insert_element(ir.Constant(_ints, ir.Undefined), narrow, ir.Constant(_i32, 0))
        zero = ir.Constant(_ints, [0] * LANES)
        limit = self.builder.shuffle_vector(lane, ir.Constant(_ints, ir.Undefined), zero)
        return Mask(self, self.builder.icmp_signed("<", ir.Constant(_ints, list(range(LANES))), limit))

    # -- control

    def variable(self, start: Any) -> Variable:
        return Variable(self, start)

    @contextmanager
    def loop(self, start: Number, stop: Number, step: Number) -> Iterator[Number]:
        """for i in range(start, stop, step), for a positive step."""
        index = self.variable(start)
        with self.repeat(lambda: self.less(index.get(), stop)):
            yield index.get()
            index.set(self.add(index.get(), step))

    @contextmanager
    def repeat(self, condition: Callable[[], Any]) -> Iterator[None]:
        """while condition()."""
        head, body, end = (self.function.append_basic_block(name) for name in ("head", "body", "end"))
        self.builder.branch(head)
        self.builder.position_at_end(head)
        self.builder.cbranch(condition(), body, end)
        self.builder.position_at_end(body)
        yield
        self.builder.branch(head)
        self.builder.position_at_end(end)

    @contextmanager
    def when(self, condition: Any) -> Iterator[None]:
        """if condition."""
        with self.builder.if_then(condition):
            yield

    def call(self, address: Number, *arguments: Number) -> None:
        """Call a kernel by its address."""
        kind = ir.FunctionType(ir.VoidType(), [_i64] * len(arguments))
        self.builder.call(self.builder.inttoptr(address, kind.as_pointer()), list(arguments))

    def ask(self, address: Number) -> Number:
        """Call a C function without arguments that returns an int."""
        kind = ir.FunctionType(_i32, [])
        return self.builder.sext(self.builder.call(self.builder.inttoptr(address, kind.as_pointer()), []), _i64)

    @contextmanager
    def flushed(self) -> Iterator[None]:
        """Denormal numbers count as zero inside; the caller's mode is back afterwards."""
        if not self.module.flushes:
            yield
            return
        with self.builder.goto_entry_block():
            before, now = self.builder.alloca(_i32), self.builder.alloca(_i32)
        save = self.intrinsic("llvm.x86.sse.stmxcsr", ir.VoidType(), [_pointer])
        restore = self.intrinsic("llvm.x86.sse.ldmxcsr", ir.VoidType(), [_pointer])
        self.builder.call(save, [before])
        # Bit 15 flushes results to zero, bit 6 reads denormals as zero.
        self.builder.store(self.builder.or_(self.builder.load(before, typ=_i32), ir.Constant(_i32, 0x8040)), now)
        self.builder.call(restore, [now])
        yield
        self.builder.call(restore, [before])

    def end(self) -> None:
        self.builder.ret_void()


class Module:
    """Functions that are compiled together."""

    def __init__(self, name: str) -> None:
        _start()
        self.ir = ir.Module(name)
        self.ir.triple = llvm.get_process_triple()
        self.flushes = self.ir.triple.startswith(("x86_64", "i386", "i686"))

    def text(self) -> str:
        return str(self.ir)


_started = threading.Lock()
_ready = False


def _start() -> None:
    global _ready
    with _started:
        if not _ready:
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
            _ready = True


def host() -> tuple[str, str]:
    """The name of this processor, and the features that kernels may use."""
    _start()
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def version() -> str:
    """Of LLVM and of its binding."""
    return f"llvm {'.'.join(map(str, llvm.llvm_version_info))} llvmlite {llvmlite.__version__}"


def compile_text(text: str, cpu: str, features: str) -> bytes:
    """LLVM text to an object file's bytes."""
    _start()
    module = llvm.parse_assembly(text)
    module.verify()
    machine = _machine(cpu, features)
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


def _machine(cpu: str, features: str) -> Any:
    return llvm.Target.from_default_triple().create_target_machine(cpu=cpu, features=features, opt=2, reloc="pic", jit=True)


class Loaded:
    """Object code in memory; keeps it there as long as its functions may be called."""

    def __init__(self, code: bytes) -> None:
        _start()
        cpu, features = host()
        empty = llvm.parse_assembly(f'target triple = "{llvm.get_process_triple()}"')
        self._engine = llvm.create_mcjit_compiler(empty, _machine(cpu, features))
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        return int(self._engine.get_function_address(name))

    def function(self, name: str, arguments: int) -> Callable[..., None]:
        """A kernel as a Python function of integers; the interpreter's lock is free while it runs."""
        return ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * arguments)(self.address(name))
