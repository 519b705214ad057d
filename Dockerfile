# syntax=docker/dockerfile:1
# One build, cached; then a small image that runs as nobody in particular.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /jiesu
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/jiesu/target \
    cargo build --locked --release --bin jiesu && cp target/release/jiesu /usr/local/bin/jiesu

FROM debian:bookworm-slim
# The certificates of those whom the gateway calls, and the zones that local days are counted in.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/jiesu --create-home jiesu
COPY --from=build /usr/local/bin/jiesu /usr/local/bin/jiesu
COPY config /etc/jiesu/config
WORKDIR /var/lib/jiesu
USER jiesu
# The image is not built if the program does not take the configuration it comes with.
RUN mkdir data && jiesu check --config /etc/jiesu/config/gateway.toml
# Appeals live here. A container without a volume forgets them.
VOLUME /var/lib/jiesu/data
# In there it listens on its own loopback only: mount a configuration that says `listen = "0.0.0.0:8080"`, and give
# the admin listener a token before it listens on more than loopback.
EXPOSE 8080 8081
# A stop takes up to 10 s; `docker stop --time 15` leaves room.
STOPSIGNAL SIGTERM
ENTRYPOINT ["jiesu"]
CMD ["serve", "--config", "/etc/jiesu/config/gateway.toml"]
