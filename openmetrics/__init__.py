"""Self-hosted product analytics on DuckDB or Elasticsearch."""

__version__ = "0.1.0"
