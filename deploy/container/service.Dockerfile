{#- The service's image, in the place of BentoML's own way: packages are installed and pruned in a stage of their own, so
    that what is removed takes no room. `python -m deploy container build` makes it. -#}
{% extends bento_base_template %}

{% block SETUP_BENTO_BASE_IMAGE %}
ARG BASE=python:3.11.14-slim-bookworm
FROM ${BASE} AS packages
COPY env/python/requirements.txt src/deploy/container/prune.py /making/
# pip stays outside; it byte-compiles at the end, what is left.
RUN python3 -m venv --without-pip /app/.venv \
    && pip --python /app/.venv/bin/python --disable-pip-version-check install --no-cache-dir --no-compile \
        --require-hashes --only-binary :all: --no-deps -r /making/requirements.txt \
    && python3 /making/prune.py /app/.venv \
    && apt-get update && apt-get install --yes --no-install-recommends binutils \
    && strip --strip-unneeded $(find /app/.venv/lib -path '*/av/*.so') \
    && /app/.venv/bin/python -m compileall -q -j 0 /app/.venv/lib

FROM ${BASE}
ARG VERSION
LABEL org.opencontainers.image.title="Music genre classifier: the service" \
    org.opencontainers.image.description="A song in, its genre out, over HTTP" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}"
ENV LANG=C.UTF-8 PYTHONUNBUFFERED=1
{% endblock %}

{% block SETUP_BENTO_USER %}
RUN groupadd --gid 1000 {{ bento__user }} && useradd --uid 1000 --gid 1000 --create-home {{ bento__user }}
{% endblock %}

{% block SETUP_BENTO_COMPONENTS %}
COPY --from=packages /app/.venv /app/.venv
COPY . ./
RUN python3 -m compileall -q src
ENV VIRTUAL_ENV=/app/.venv PATH=/app/.venv/bin:${PATH}
# The root file system may be read-only: what is written goes to /tmp.
ENV HOME=/tmp BENTOML_HOME=/tmp/bentoml
{% endblock %}

{% block SETUP_BENTO_ENTRYPOINT %}
EXPOSE 3000
HEALTHCHECK --start-period=60s --interval=10s --timeout=10s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://localhost:%s/readyz' % os.environ.get('PORT', 3000), timeout=5)"]
USER 1000
ENTRYPOINT ["bash", "{{ bento__entrypoint }}"]
{% endblock %}
