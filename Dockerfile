# One image for every process: compose.yaml says which one a container is.
FROM node:20-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM python:3.11-slim
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY platform/ platform/
COPY services/ services/
COPY simulator/ simulator/
COPY loadtest/ loadtest/
RUN pip install --no-cache-dir --constraint constraints.txt .
COPY --from=web /src/web/dist web/dist
COPY --from=web /src/web/node_modules/geojson-path-finder/test/large-network.json goteborg.json
RUN hailstream city build goteborg.json --out /city --name Göteborg && rm goteborg.json
# glibc gives freed pages back and takes them again: numpy's temporaries then cost a seventh of
# a core at a million pings a second.
ENV MALLOC_TRIM_THRESHOLD_=268435456 MALLOC_MMAP_THRESHOLD_=268435456 MALLOC_TOP_PAD_=16777216 \
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 PYTHONUNBUFFERED=1
RUN useradd --create-home hailstream && mkdir /data && chown hailstream /data
USER hailstream
VOLUME /data
ENTRYPOINT ["hailstream"]
