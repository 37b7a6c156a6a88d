# The production image: the locked packages and the code, nothing that builds or tests.
FROM python:3.11-slim AS packages
COPY requirements.txt .
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.txt \
 && /venv/bin/pip uninstall --yes pip setuptools

FROM python:3.11-slim
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HANDRAIL_BOOTSTRAP=off \
    HANDRAIL_STATE_DIR=/tmp/handrail \
    STATIC_ROOT=/app/collected
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin handrail
WORKDIR /app
COPY --from=packages /venv /venv
COPY . .
# Collected as root and served as nobody in particular: the web server cannot change what it serves.
RUN HANDRAIL_MODE=local python manage.py collectstatic --noinput && python -m compileall -q .
ENV HANDRAIL_MODE=production
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s CMD ["python", "-m", "config.probe", "web"]
CMD ["gunicorn", "-c", "python:config.gunicorn_conf", "--no-control-socket", "config.wsgi:application"]
