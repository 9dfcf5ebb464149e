"""What every layer is: parameters with torch's names, and a stack of programs walked in one or two directions."""

from __future__ import annotations

import warnings
from abc import ABC
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from recurra.compiler import Program
from recurra.engine import run
from recurra.errors import ConfigurationError, ShapeError, check_shape
from recurra.layers import initial
from recurra.layers.checks import check_count, check_dropout, check_dtype, check_flag, check_names, check_tensor
from recurra.layers.forms import Form, form_of, padded
from recurra.layers.noise import dropped, kept, mask, noise_of, noisy

Tensors = dict[str, Tensor]


class Layer(nn.Module, ABC):
    """A stack of `num_layers` recurrent layers in one or two directions, all running one program; the base of every layer.

    `program` and `sizes` rebuild it; `output_size` is the width of a step of output, both directions together. Parameters are called
    `weight_ih_l0`, `weight_ih_l0_reverse` and so on; they are read by name at each call, so tying and parametrisations work.
    """

    bias: bool | str | None
    # What stands before the sizes in extra_repr.
    _shown_first: tuple[str, ...] = ()

    def __init__(
        self,
        program: Program,
        sizes: Mapping[str, int],
        num_layers: int,
        bias: bool | str | None,
        *,
        bidirectional: bool = False,
        batch_first: bool = False,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        output_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: float | Mapping[str, float] = 0.0,
        residual: bool = False,
        learned_state: bool = False,
        init: str = "torch",
        forget_bias: float | None = None,
        max_length: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.program, self.sizes, self.bias = program, dict(sizes), bias
        self.input_size, self.hidden_size, self.num_layers = sizes["input_size"], sizes["hidden_size"], num_layers
        self.bidirectional, self.batch_first, self.dropout = bidirectional, batch_first, dropout
        self.residual, self.learned_state = residual, learned_state
        self.init, self.forget_bias, self.max_length = init, forget_bias, max_length
        self._check_options()
        self.dropout = float(dropout)
        self.noise = noise_of(self._who, program, input_dropout, output_dropout, recurrent_dropout, zoneout)
        # The programs of training and evaluation, made when they are first run.
        self._programs: dict[tuple[bool, tuple[str, ...]], Program] = {}
        # For each layer and direction the parameters' names in the program and in the module.
        self._names: list[dict[str, str]] = []
        for place in range(num_layers * self.directions):
            self._register(place, device, dtype)
        self.reset_parameters()

    def _check_options(self) -> None:
        who = self._who
        check_count(who, "num_layers", self.num_layers)
        check_flag(who, "batch_first", self.batch_first)
        check_dropout(who, self.dropout)
        if self.dropout > 0 and self.num_layers == 1:
            text = f"{who}: dropout stands between layers, so with num_layers=1 it does nothing; output_dropout drops the output."
            warnings.warn(text, stacklevel=4)
        if self.residual and self.num_layers == 1:
            raise ConfigurationError(f"{who}: residual adds the input of the second and later layers: num_layers must be at least 2.")
        if self.learned_state and not self.program.states:
            raise ConfigurationError(f"{who}: learned_state learns the initial state, and {self.program.name} has no state.")
        initial.check_initialisation(who, self.program, self.init, self.forget_bias, self.max_length)
        self._check_state_sizes()

    # -- sizes and parameters

    @property
    def directions(self) -> int:
        """1, or 2 for a bidirectional layer."""
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        """The width of one step of output, both directions together."""
        return self.program.output_width(self.sizes) * self.directions

    @property
    def state_names(self) -> tuple[str, ...]:
        """The names of the state, t last where the cell reads the step number."""
        return (*self.program.states, "t") if self.program.uses_step else self.program.states

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters of each layer and direction, as torch gives them."""
        return [[getattr(self, full) for name, full in names.items() if not name.startswith("initial_")] for names in self._names]

    def reset_parameters(self) -> None:
        """Draw all parameters anew; learned initial states start at 0."""
        for place, names in enumerate(self._names):
            parameters = {name: getattr(self, full) for name, full in names.items()}
            weights = {name: value for name, value in parameters.items() if not name.startswith("initial_")}
            initial.start(self.program, self._sizes_at(place), weights, self.init, self.forget_bias, self.max_length)
            for name in parameters.keys() - weights.keys():
                nn.init.zeros_(parameters[name])

    def _sizes_at(self, place: int) -> dict[str, int]:
        """The sizes of a layer and direction: all but the first read the output of the one below."""
        return self.sizes if place < self.directions else {**self.sizes, "input_size": self.output_size}

    def _register(self, place: int, device: torch.device | str | None, dtype: torch.dtype | None) -> None:
        sizes = self._sizes_at(place)
        suffix = f"_l{place // self.directions}{'_reverse' if place % self.directions else ''}"
        shapes = self.program.parameters(sizes)
        if self.learned_state:
            shapes |= {f"initial_{name}": (self.program.state_size(name, sizes),) for name in self.program.states}
        for name, shape in shapes.items():
            self.register_parameter(name + suffix, nn.Parameter(torch.empty(shape, device=device, dtype=dtype)))
        self._names.append({name: name + suffix for name in shapes})

    def _check_state_sizes(self) -> None:
        """A state as wide as the input must be equally wide in all layers, since they are stored side by side."""
        last = self._sizes_at(self.num_layers * self.directions - 1)
        for name in self.program.states:
            first, other = self.program.state_size(name, self.sizes), self.program.state_size(name, last)
            if first != other:
                raise ConfigurationError(
                    f"{self._who}: the state {name} of {self.program.name} is as wide as the input, {first} in the first layer and {other} "
                    f"in the others: input_size must be {other}, or num_layers 1."
                )

    # -- one call

    def _call(
        self,
        input: Tensor | PackedSequence,
        state: Tensors | None,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        inputs: Mapping[str, Tensor] | None = None,
        forced: Mapping[str, Tensor] | None = None,
        backend: str | None = None,
    ) -> tuple[Tensor | PackedSequence, Tensors]:
        """Run the stack over an input in any of its forms; the state comes and goes in the form of the input, [L*D, B, n] or [L*D, n]."""
        form = form_of(self._who, input, self.batch_first, self.input_size)
        x, lengths = self._entered(form, input, lengths)
        if torch.is_autocast_enabled(x.device.type):
            # What earlier layers computed in half precision; a recurrence adds up its errors.
            x = x.to(self.all_weights[0][0].dtype)
        self._check_dtype(x)
        state = self._begin(x) if state is None else self._checked_state(form, state, x)
        extras = self._extras(form, inputs, x)
        if resets is not None:
            resets = self._entered_resets(form, resets, x)
        forced = self._forced(form, forced or {}, x)
        y, state = self._walk(x, extras, state, forced, {"lengths": lengths, "resets": resets, "backend": backend})
        return form.leave(y), state if form.batched else {name: value.squeeze(1) for name, value in state.items()}

    def _call_step(self, input: Tensor, state: Tensors | None, **options: Any) -> tuple[Tensor, Tensors]:
        """One step: [B, I], or [I] unbatched, to [B, O] or [O]."""
        who = f"{self._who}.step"
        if self.bidirectional:
            raise ConfigurationError(f"{who}: a bidirectional layer reads the whole sequence before it answers; it cannot be stepped.")
        if self.training and self.noise.variational:
            raise ConfigurationError(f"{who}: a mask for all steps cannot be drawn step by step: call eval(), or run whole sequences.")
        check_tensor(who, "input", input)
        if input.dim() not in (1, 2):
            raise ConfigurationError(f"{who}: input must have 2 dimensions, or 1 for a single row, got {input.dim()}.")
        check_shape(who, "input", input.shape, (*[("B", None)] * (input.dim() - 1), ("I", self.input_size)))
        time = 1 if self.batch_first and input.dim() == 2 else 0
        for kind in ("inputs", "forced"):
            options[kind] = {name: value.unsqueeze(time) for name, value in (options.get(kind) or {}).items()}
        y, state = self._call(input.unsqueeze(time), state, **options)
        assert isinstance(y, Tensor)
        return y.squeeze(time), state

    @property
    def _who(self) -> str:
        return type(self).__name__

    def _entered(self, form: Form, input: Tensor | PackedSequence, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        if isinstance(input, PackedSequence):
            if lengths is not None:
                raise ConfigurationError(f"{self._who}: a packed input has its lengths with it: lengths must be None.")
            return padded(input)
        x = form.enter(input)
        if lengths is not None:
            if not form.batched:
                raise ConfigurationError(f"{self._who}: an unbatched input is as long as it is: lengths must be None.")
            check_tensor(self._who, "lengths", lengths)
            check_shape(self._who, "lengths", lengths.shape, (("B", x.shape[1]),))
        return x, lengths

    def _check_dtype(self, x: Tensor) -> None:
        """Raise ConfigurationError (a ValueError, as torch) unless input and weights have one dtype."""
        for full in self._names[0].values():
            weight = getattr(self, full)
            if weight.dtype != x.dtype:
                raise ConfigurationError(
                    f"{self._who}: RNN input dtype ({x.dtype}) does not match weight dtype ({weight.dtype}). "
                    f"Convert input: input.to({weight.dtype}), or convert model: model.to({x.dtype})."
                )

    def _entered_resets(self, form: Form, resets: Tensor, x: Tensor) -> Tensor:
        check_tensor(self._who, "resets", resets)
        if resets.dtype is not torch.bool:
            raise ConfigurationError(f"{self._who}: resets must be a bool tensor, got {resets.dtype}.")
        check_shape(self._who, "resets", resets.shape, form.sized(x))
        return form.enter(resets)

    def _extras(self, form: Form, given: Mapping[str, Tensor] | None, x: Tensor) -> Tensors:
        """The cell's inputs beside the first, [T, B, n]; every layer of the stack reads them."""
        given = given or {}
        check_names(self._who, "inputs", given, self.program.inputs[1:])
        return {name: self._sequence(form, name, value, self.program.input_size(name, self.sizes), x) for name, value in given.items()}

    def _forced(self, form: Form, given: Mapping[str, Tensor], x: Tensor) -> Tensors:
        """What matrices read in place of a state's last value, [T, B, D*n]: the true answers, in training."""
        if given and self.num_layers > 1:
            raise ConfigurationError(f"{self._who}: forced replaces a state of one layer, and this stack has {self.num_layers}.")
        for name in given:
            if name not in self.program.states:
                raise ConfigurationError(f"{self._who}: forced must name a state ({', '.join(self.program.states)}), got {name}.")
        width = {name: self.program.state_size(name, self.sizes) * self.directions for name in given}
        return {name: self._sequence(form, f"forced {name}", value, width[name], x) for name, value in given.items()}

    def _sequence(self, form: Form, what: str, value: Tensor, width: int, x: Tensor) -> Tensor:
        check_tensor(self._who, what, value)
        check_shape(self._who, what, value.shape, (*form.sized(x), ("n", width)))
        check_dtype(self._who, what, value, x)
        return form.enter(value)

    # -- states

    def _begin(self, x: Tensor) -> Tensors:
        """The state before the first step: the learned one, or zeros."""
        places = [self._initial(place, x) for place in range(self.num_layers * self.directions)]
        return {name: torch.stack([place[name] for place in places]) for name in self.state_names}

    def _initial(self, place: int, x: Tensor) -> Tensors:
        """What one layer and direction begins with, and what a reset restores, [B, n]."""
        batch, sizes = x.shape[1], self._sizes_at(place)
        if self.learned_state:
            names = self._names[place]
            values = {name: getattr(self, names[f"initial_{name}"]).expand(batch, -1) for name in self.program.states}
        else:
            values = {name: x.new_zeros(batch, self.program.state_size(name, sizes)) for name in self.program.states}
        return values | ({"t": x.new_zeros(batch, dtype=torch.int64)} if self.program.uses_step else {})

    def _checked_state(self, form: Form, state: Tensors, x: Tensor) -> Tensors:
        """A state that was passed in, as [L*D, B, n]. Raises ShapeError."""
        places = ("L*D", self.num_layers * self.directions)
        batch = (("B", x.shape[1]),) if form.batched else ()
        for name in self.state_names:
            width = () if name == "t" else (("n", self.program.state_size(name, self.sizes)),)
            check_tensor(self._who, f"state {name}", state[name])
            check_shape(self._who, f"state {name}", state[name].shape, (places, *batch, *width))
            if name != "t":
                check_dtype(self._who, f"state {name}", state[name], x)
            elif state[name].dtype is not torch.int64:
                raise ShapeError(f"{self._who}: state t must have dtype torch.int64, got {state[name].dtype}.")
        return state if form.batched else {name: value.unsqueeze(1) for name, value in state.items()}

    # -- the stack

    def _walk(self, x: Tensor, extras: Tensors, state: Tensors, forced: Tensors, options: dict[str, Any]) -> tuple[Tensor, Tensors]:
        finals: list[Tensors] = []
        for layer in range(self.num_layers):
            below, parts = x, []
            if self.training and self.noise.input:
                x = dropped(x, self.noise.input)
            for place in range(layer * self.directions, (layer + 1) * self.directions):
                part, final = self._run(place, x, extras, state, forced, options)
                parts.append(part)
                finals.append(final)
            x = parts[0] if len(parts) == 1 else torch.cat(parts, -1)
            if self.residual and layer:
                x = x + below
            if layer < self.num_layers - 1:
                x = functional.dropout(x, self.dropout, self.training)
        if self.training and self.noise.output:
            x = dropped(x, self.noise.output)
        return x, {name: torch.stack([final[name] for final in finals]) for name in self.state_names}

    def _run(
        self, place: int, x: Tensor, extras: Tensors, state: Tensors, forced: Tensors, options: dict[str, Any]
    ) -> tuple[Tensor, Tensors]:
        """One layer in one direction."""
        program, sizes, direction = self._program(tuple(forced)), self._sizes_at(place), place % self.directions
        inputs = {program.inputs[0]: x, **extras}
        inputs |= {f"forced_{name}": value.chunk(self.directions, -1)[direction] for name, value in forced.items()}
        masks = {}
        if self.training:
            width = {name: self.program.state_size(name, sizes) for name in self.program.states}
            for name, rate in self.noise.zoneout.items():
                inputs[f"zoneout_{name}"] = kept((*x.shape[:2], width[name]), rate, x)
            masks = {name: mask((x.shape[1], width[name]), self.noise.recurrent, x) for name in self.noise.masked}
        start = {name: value[place] for name, value in state.items()}
        parameters = {name: getattr(self, full) for name, full in self._names[place].items()}
        initial_state = None if options["resets"] is None else self._initial(place, x)
        return run(program, inputs, start, parameters, initial=initial_state, reverse=bool(direction), masks=masks, **options)

    def _program(self, forced: tuple[str, ...]) -> Program:
        key = self.training, forced
        if key not in self._programs:
            self._programs[key] = noisy(self.program, self.noise, self.training, forced)
        return self._programs[key]

    # -- copies and pictures of the layer

    def __getstate__(self) -> dict[str, Any]:
        """The program goes as JSON: what is stored holds no function."""
        return {**self.__dict__, "program": self.program.to_json(), "_programs": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({**state, "program": Program.from_json(state["program"])})  # type: ignore[no-untyped-call]

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        shown = [*self._shown_first, str(self.input_size), str(self.hidden_size)]
        shown += [f"{name}={size}" for name, size in self.sizes.items() if name not in ("input_size", "hidden_size")]
        if self.num_layers != 1:
            shown.append(f"num_layers={self.num_layers}")
        if self.bias not in (True, None):
            shown.append(f"bias={self.bias!r}")
        shown += [f"{name}={value}" for name in SHOWN if (value := getattr(self, name))]
        rates = {"input_dropout": self.noise.input, "output_dropout": self.noise.output, "recurrent_dropout": self.noise.recurrent}
        shown += [f"{name}={value}" for name, value in {**rates, "zoneout": dict(self.noise.zoneout)}.items() if value]
        return ", ".join(shown)


# Options that extra_repr shows where they are not False or 0.
SHOWN = ("batch_first", "dropout", "bidirectional", "residual", "learned_state")
