"""The verbs. Each brings what it needs along when it is called, so that `--help` stays quick."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recurra import __version__
from recurra.cli.settings import parse_names, parse_seeds, parse_settings
from recurra.cli.showing import columns, show, table_lines
from recurra.cli.sources import texts
from recurra.errors import BackendError, check_choice

if TYPE_CHECKING:
    from recurra.commands.doctor import Check
    from recurra.tasks import Model

application = typer.Typer(
    name="recurra",
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_verbs = typer.Typer(help="Look at data.", rich_markup_mode=None)
application.add_typer(data_verbs, name="data")

RecipeName = Annotated[str, typer.Argument(metavar="RECIPE", help="What to train; `recurra recipes` lists them.")]
DataPath = Annotated[Path | None, typer.Argument(metavar="DATA", help="A file or folder; without it the recipe's built-in corpus.")]
TestPath = Annotated[Path | None, typer.Argument(metavar="DATA", help="Test data; without it that of the model's built-in corpus.")]
CheckedPath = Annotated[Path, typer.Argument(metavar="DATA", help="A file, or a folder with the parts train, dev and test.")]
ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="A .rnn file.")]
Texts = Annotated[list[str], typer.Argument(metavar="TEXT...", help="Sentences, files with one a line, or - for the standard input.")]
Listed = Annotated[str | None, typer.Argument(metavar="NAME", help="The one to show; without it all are listed.")]
CellName = Annotated[str | None, typer.Option("--cell", metavar="NAME", help="A cell, or one of your own as in my.py:ugrnn.")]
CellNames = Annotated[str, typer.Option("--cells", metavar="NAMES", help="The cells, as in elman,gru,my.py:ugrnn.")]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="One seed gives one model.")]
Seeds = Annotated[str, typer.Option("--seeds", metavar="N", help="How many seeds, or which, as in 3 or 4,5,8.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="As in training.epochs=20; again for more.")]
Sizes = Annotated[list[str] | None, typer.Option("--set", metavar="SIZE=N", help="A further size, as in context_size=40.")]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings from a file, as a run's config.toml.")]
Run = Annotated[Path | None, typer.Option("--run", metavar="DIR", help="Where the run is kept, instead of the next runs/RECIPE-N.")]
Runs = Annotated[Path | None, typer.Option("--run", metavar="DIR", help="Where the runs are kept; without it none is.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where the best model is written as well.")]
Sentences = Annotated[list[str] | None, typer.Option("--predict", metavar="TEXT", help="A sentence for the best model; again for more.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
# Looked for by `main` before the words are parsed, so that it holds for errors in the words too.
Debug = Annotated[bool, typer.Option("--debug", help="Show the whole trace of an error.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"recurra {__version__}")
        raise typer.Exit


@application.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
    debug: Debug = False,
) -> None:
    """Recurrent networks: any cell from its equations, in any task."""


@application.command()
def train(
    recipe: RecipeName,
    data: DataPath = None,
    cell: CellName = None,
    seed: Seed = None,
    settings: Settings = None,
    config: Config = None,
    run: Run = None,
    output: Output = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Train a model and keep it.

    Ends with its scores and the folder of the run: configuration, log, last and best model.
    """
    from recurra.training import train as learn

    model = learn(recipe, data, cell=cell, seed=seed, run=run, output=output, config=config, **parse_settings(settings or ()))
    _show_trained(model, json)


def _show_trained(model: Model, json: bool) -> None:
    found = {"scores": model.scores, "cell": model.program.name, "parameters": model.parameters, "run": str(model.run)}
    scores = [(part, *(f"{name} {value:.2%}" for name, value in values.items())) for part, values in model.scores.items()]
    show(json, found, columns([*scores, ("run", str(model.run))]))


@application.command()
def resume(
    run: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run that was stopped, such as runs/slots-1.")],
    data: Annotated[Path | None, typer.Argument(metavar="DATA", help="Where the data are now, if they were moved.")] = None,
    output: Output = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Go on with a run that was stopped.

    Ends with the model that the run would have become, bit for bit; a run that has ended is left as it is.
    """
    from recurra.training import resume as go_on

    _show_trained(go_on(run, data, output=output), json)


@application.command()
def predict(model: ModelPath, inputs: Texts, json: Json = False, debug: Debug = False) -> None:
    """Answer sentences.

    Every word with its label and the most probable ones; with --json one line a sentence, and all labels.
    """
    from recurra.commands.tables import prediction_table
    from recurra.tasks import load

    given = texts(inputs)
    trained = load(model)
    for text in given:
        answer = trained.predict(text)
        show(json, answer.to_data(), [] if json else table_lines(prediction_table(answer)))


@application.command()
def evaluate(model: ModelPath, data: TestPath = None, json: Json = False, debug: Debug = False) -> None:
    """Score a model on data."""
    from recurra.tasks import load

    trained = load(model)
    score = trained.evaluate(data)
    show(json, score.to_data(), columns([(name, f"{value:.2%}") for name, value in trained.task.values(score).items()]))


@application.command()
def compare(
    recipe: RecipeName,
    data: DataPath = None,
    cells: CellNames = "elman,jordan,lstm,gru",
    seeds: Seeds = "1",
    sentences: Sentences = None,
    settings: Settings = None,
    config: Config = None,
    run: Runs = None,
    output: Output = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Train several cells on the same data.

    A table of scores, parameters and seconds; then the model that is best on the dev part answers what --predict gives.
    """
    from recurra.commands.compare import compare as measure
    from recurra.commands.tables import comparison_table, prediction_table

    names, numbers, given = parse_names(cells), parse_seeds(seeds), parse_settings(settings or ())
    found = measure(recipe, data, cells=names, seeds=numbers, predict=sentences or (), run=run, output=output, config=config, **given)
    tables = [comparison_table(found), *map(prediction_table, found.predictions)]
    show(json, found.to_data(), [line for table in tables for line in table_lines(table)])


@application.command()
def cells(
    name: Listed = None,
    input_size: Annotated[int, typer.Option("--input-size", metavar="N", min=1)] = 64,
    hidden_size: Annotated[int, typer.Option("--hidden-size", metavar="N", min=1, help="And every size that is not set.")] = 128,
    sizes: Sizes = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List the cells, or show one: a name, or your own as in my.py:ugrnn.

    Its equations, gates, matrices, parameters for sizes, phases, what is saved for the backward, its source.
    """
    from recurra.cli.cells import all_cells, cell_lines, list_lines, one_cell

    if name is None:
        show(json, all_cells(), list_lines())
    else:
        found = one_cell(name, input_size, hidden_size, parse_settings(sizes or ()))
        show(json, found, cell_lines(found))


@application.command()
def recipes(
    name: Listed = None,
    cell: Annotated[str, typer.Option("--cell", metavar="NAME", help="The cell whose keys are listed too.")] = "lstm",
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List the recipes, or show one.

    Its command, data, expected score and time, and every key that can be set.
    """
    from recurra.cli.recipes import all_recipes, list_lines, one_recipe, recipe_lines

    if name is None:
        show(json, all_recipes(), list_lines())
    else:
        found = one_recipe(name, cell)
        show(json, found, recipe_lines(found))


@application.command()
def doctor(json: Json = False, debug: Debug = False) -> None:
    """Look whether all is well on this machine.

    What Recurra needs is there and computes rightly; exit code 3 if not.
    """
    from recurra.commands.doctor import examine

    _show_checks("doctor", list(examine()), json)


@application.command()
def verify(
    model: ModelPath,
    data: Annotated[Path | None, typer.Argument(metavar="DATA", help="Sentences to try; without it made up of the model's words.")] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Look whether a model gives the same answer, bit for bit, however it is asked.

    Alone, in a batch, padded, streamed, split, saved and loaded, with more threads; exit code 3 if not.
    """
    from recurra.commands.verify import verify as compare_bits
    from recurra.tasks import load

    _show_checks("verify", list(compare_bits(load(model), data)), json)


def _show_checks(who: str, checks: Sequence[Check], json: bool) -> None:
    """A line for each check. Raises BackendError where one is not fine."""
    show(json, [vars(check) for check in checks], columns([("ok" if c.fine else "BAD", c.what, c.found) for c in checks]))
    faults = [f"{check.what}: {check.advice}" for check in checks if not check.fine]
    if faults:
        raise BackendError(f"{who}: {'; '.join(faults)}.")


@data_verbs.command("check")
def data_check(path: CheckedPath, json: Json = False, debug: Debug = False) -> None:
    """Look whether data can be trained on.

    Its format, labels, unknown words, sentences that train and test share, and each problem with its place; exit code 7 if there is one.
    """
    from recurra.cli.data import all_parts, complain, part_lines, to_data

    parts = all_parts(path)
    show(json, to_data(parts), part_lines(parts))
    complain(parts)


@application.command()
def bench(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="What is measured: layers.")] = "layers",
    cells: Annotated[str | None, typer.Option("--cells", metavar="NAMES", help="The cells; without it all, and the README's own.")] = None,
    shapes: Annotated[str | None, typer.Option("--shapes", metavar="SHAPES", help="As in 100/1/128/128,28/64/28/128: T/B/I/H.")] = None,
    groups: Annotated[
        str | None, typer.Option("--group", metavar="NAMES", help="Of single,batched,ragged,cells,compile,memory,stream.")
    ] = None,
    calls: Annotated[int, typer.Option("--calls", metavar="N", min=1, help="Calls of each a process; their median counts.")] = 20,
    processes: Annotated[int, typer.Option("--processes", metavar="N", min=1, help="Fresh processes; the middle one counts.")] = 3,
    threads: Annotated[int, typer.Option("--threads", metavar="N", min=1)] = 2,
    full: Annotated[bool, typer.Option("--full", help="A stream of 1,000,000 steps.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where the results are written, as JSON.")] = None,
    save: Annotated[bool, typer.Option("--save", help="Write them into benchmarks/results of this checkout.")] = False,
    plot: Annotated[Path | None, typer.Option("--plot", metavar="FILE", help="A picture: shares of the machine's limit.")] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Measure our layers beside torch's, an eager loop, lax.scan.

    Ours and the peer take turns in one process; times, ratios, the share of what this machine can do, and whether each bar is met.
    """
    from recurra.cli.bench import FULL_STREAM, run
    from recurra.commands.bench.processes import Settings

    check_choice("bench", "subject", what, ("layers",))
    settings = Settings(calls, processes, threads, **({"steps": FULL_STREAM} if full else {}))
    run(cells, shapes, groups, settings, json=json, output=output, picture=plot, keep=save)


command = typer.main.get_command(application)
