FROM python:3.13-slim AS build
WORKDIR /source
COPY setup.cfg pyproject.toml README.md LICENSE ./
COPY openmetrics openmetrics
COPY plugins plugins
COPY schemas schemas
COPY config config
RUN pip wheel --no-cache-dir --wheel-dir /wheels '.[fast]'

FROM python:3.13-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels 'openmetrics[fast]' \
    && useradd --system --uid 1000 --home-dir /data openmetrics \
    && install --directory --owner openmetrics --group openmetrics /data /var/cache/openmetrics
ENV OPENMETRICS_HOST=0.0.0.0 \
    OPENMETRICS_DATA_DIR=/data \
    NUMBA_CACHE_DIR=/var/cache/openmetrics \
    PYTHONUNBUFFERED=1
USER openmetrics
RUN python -m openmetrics.compiling
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health/live', timeout=4)"]
ENTRYPOINT ["openmetrics"]
CMD ["serve"]
