# The web site: docker build --file deploy/container/site.Dockerfile --tag music-genre-site .

ARG BASE=python:3.11.14-slim-bookworm
FROM ${BASE} AS packages
COPY requirements/site.txt /making/
RUN python3 -m venv --without-pip /app/.venv \
    && pip --python /app/.venv/bin/python --disable-pip-version-check install --no-cache-dir \
        --require-hashes --only-binary :all: --no-deps -r /making/site.txt

FROM ${BASE}
ARG VERSION
LABEL org.opencontainers.image.title="Music genre classifier: the site" \
    org.opencontainers.image.description="Upload a song, see its genre, keep a history" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}"
RUN groupadd --gid 1000 site && useradd --uid 1000 --gid 1000 --create-home site
COPY --from=packages /app/.venv /app/.venv
ENV LANG=C.UTF-8 PYTHONUNBUFFERED=1 VIRTUAL_ENV=/app/.venv PATH=/app/.venv/bin:${PATH}
WORKDIR /app
COPY django_site/ django_site/
# What is written goes to /tmp; the static files lie beside the code. The secret is of this step only.
ENV HOME=/tmp SITE_DATA=/tmp/site SITE_STATIC=/app/static
RUN SITE_SECRET_KEY=none python django_site/manage.py collectstatic --noinput --verbosity 0 \
    && rm -rf /tmp/site && python -m compileall -q django_site
EXPOSE 8000
HEALTHCHECK --start-period=60s --interval=10s --timeout=10s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://localhost:%s/readyz' % os.environ.get('PORT', 8000), timeout=5)"]
USER 1000
CMD ["sh", "-c", "exec python django_site/manage.py serve --bind 0.0.0.0:${PORT:-8000}"]
