# SPDX-License-Identifier: Apache-2.0
"""The type stubs say what the module PyISAPIe has."""

from __future__ import annotations

import ast
import inspect

import pytest
from harness import windows
from harness.paths import package

pytestmark = pytest.mark.skipif(bool(windows.NAME), reason="they are the same everywhere")


def test_the_stubs_are_of_the_module() -> None:
    import PyISAPIe

    text = (package().parent / "PyISAPIe-stubs" / "__init__.pyi").read_text("utf-8")
    functions: dict[str, ast.FunctionDef] = {}
    names = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            functions[node.name] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    public = {name for name in vars(PyISAPIe) if name[0].isupper()}
    assert names | set(functions) == public
    for name, node in functions.items():
        real = inspect.signature(getattr(PyISAPIe, name))
        arguments = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
        assert list(real.parameters) == arguments, name
        assert ast.get_docstring(node), name
