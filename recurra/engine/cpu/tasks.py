"""What a thread of a team does: its shares of a list of calls.

task(data), where data holds: the addresses of OpenMP's omp_get_thread_num and omp_get_num_threads, the address of a kernel, how many
shares there are, and for each share where its calls begin and end; then the calls, one row of arguments each.
"""

from __future__ import annotations

from recurra.engine.cpu.code import Code, Module

# What stands before the shares.
HEAD = 4


def task_module(arguments: int) -> Module:
    """The function `task` for a kernel of so many arguments."""
    module = Module(f"task_{arguments}")
    code = Code(module, "task", 1)
    (data,) = code.arguments
    entry = [code.load_integer(data, code.integer(k)) for k in range(HEAD)]
    mine, team, kernel, shares = code.ask(entry[0]), code.ask(entry[1]), entry[2], entry[3]
    calls = code.add(code.integer(HEAD), code.add(shares, shares))
    with code.loop(mine, shares, team) as share:
        at = code.add(code.integer(HEAD), code.add(share, share))
        first, last = code.load_integer(data, at), code.load_integer(data, code.add(at, code.integer(1)))
        with code.loop(first, last, code.integer(1)) as call:
            row = code.add(calls, code.mul(call, code.integer(arguments)))
            code.call(kernel, *(code.load_integer(data, code.add(row, code.integer(k))) for k in range(arguments)))
    code.end()
    return module
