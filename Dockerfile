# Front-end packages, as the lock names them. Nothing of Node is in the final image.
FROM node:22-slim AS front-end
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/data
# As `community_ops.embedded.children` says.
ENV MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=67108864 MALLOC_MMAP_THRESHOLD_=33554432
# Header pictures of series are drawn with it.
RUN apt-get update && apt-get install -y --no-install-recommends fonts-noto-cjk && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --create-home app && install -d -o app -g app /data
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.txt
COPY --from=front-end /app/node_modules ./node_modules
COPY . .
# The key serves this step only; the installation has its own.
RUN DATA_DIR=/tmp/build SECRET_KEY=build python manage.py messages --compile && rm -rf /tmp/build && python -m compileall -q .
USER app
VOLUME /data
EXPOSE 8000
CMD ["gunicorn", "community_ops.wsgi:application"]
