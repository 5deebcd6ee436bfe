"""Gunicorn's configuration: everything comes from OpenMetrics' own settings.

gunicorn --config config/gunicorn.conf.py 'openmetrics.wsgi:build_app()'
"""

import gunicorn.http.message

from openmetrics.app import read_settings

# NOTE: old clients send whole batches in the query string; gunicorn caps the line at 8,190 bytes otherwise.
gunicorn.http.message.MAX_REQUEST_LINE = 256 * 1024 + 1

_settings, _manager = read_settings()

bind = (
    f"[{_settings.host}]:{_settings.port}" if ":" in _settings.host else f"{_settings.host}:{_settings.port}"
)
workers = _settings.workers
worker_class = "gthread"
threads = _settings.threads
limit_request_line = 256 * 1024
limit_request_fields = 100
limit_request_field_size = 16 * 1024
keepalive = 75
timeout = 120
graceful_timeout = 30
accesslog = None
loglevel = "warning"
proc_name = "openmetrics"
forwarded_allow_ips = ",".join(_settings.trusted_proxies) or "127.0.0.1"
control_socket_disable = True


def worker_exit(server, worker):
    """Seal the spool and close the store when a worker ends."""
    from openmetrics.wsgi import close_all

    close_all()
