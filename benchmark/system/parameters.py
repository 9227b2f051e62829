"""The keyword parameters of a function in a source file. The code is parsed, never run."""

import ast
from pathlib import Path


def keyword_parameters(file: Path, function: str) -> tuple[str, ...] | None:
    """Names of the parameters after the first; None if the file has no such function or is not Python."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            taken = [*node.args.posonlyargs, *node.args.args]
            return tuple(one.arg for one in (*taken[1:], *node.args.kwonlyargs))
    return None
