"""Let the shipped contracts explain their failures as well as test modules do."""

import pytest

for name in ("store_contract", "write_contract", "read_contract"):
    pytest.register_assert_rewrite(f"openmetrics.testing.{name}")
