"""The limits of the house; each has a reason, and a planted breach proves that it is seen."""

import ast

import house


def test_operator_is_a_source_root() -> None:
    """With an __init__.py the folder would shadow the standard library's `operator`."""
    assert not (house.SOURCE / "__init__.py").exists()


def test_files_fit_a_sitting() -> None:
    name, lines = house.measure().longest_file
    assert lines <= 300, f"{name} has {lines} lines"


def test_functions_fit_a_glance() -> None:
    figures = house.measure()
    assert figures.median <= 8, figures
    assert figures.p95 <= 30, figures


def test_length_leaves_the_docstring_out() -> None:
    function = ast.parse('def f():\n    """Two\n    lines."""\n    x = 1\n    return x\n').body[0]
    assert isinstance(function, ast.FunctionDef)
    assert house.length(function) == 3
