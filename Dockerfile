# The gateway as one image: every role is the same image with another --role.
FROM python:3.13-slim-bookworm AS build
WORKDIR /source
COPY requirements/ requirements/
RUN python -m venv /opt/gateway \
    && /opt/gateway/bin/pip install --no-cache-dir --require-hashes -r requirements/run.txt
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY pacs_gateway/ pacs_gateway/
COPY storage/ storage/
COPY viewer/ viewer/
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && /opt/gateway/bin/pip install --no-cache-dir --no-deps /wheels/*.whl \
    && { /opt/gateway/bin/python -c 'import sys, viewer; sys.exit(not viewer.bundle_built())' \
        || echo "WARNING: no npm registry was reached; this image has no reading viewer"; }

FROM python:3.13-slim-bookworm
# A fixed number, so that the volume's owner is the same after every update.
RUN useradd --uid 10001 --create-home --home-dir /data gateway
COPY --from=build /opt/gateway /opt/gateway
ENV PATH=/opt/gateway/bin:$PATH \
    PACS_GATEWAY_DATA_DIR=/data \
    PYTHONUNBUFFERED=1
USER gateway
VOLUME /data
EXPOSE 11112 8080
ENTRYPOINT ["pacs-gateway"]
CMD ["serve"]
