"""PyFlink lives without the packages that would hold TensorFlow and Redis back."""

import importlib.util

import pytest


@pytest.mark.parametrize("name", ["apache_beam", "pemja", "pyarrow", "pandas"])
def test_what_only_python_functions_need_is_not_installed(name):
    """So every Flink test proves that `_python_worker_execution_mode=process` still does without it."""
    assert importlib.util.find_spec(name) is None
