# The same image as hack/image makes, for those who build with an engine:
#   docker build --build-arg SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)" -t devicelink:0.1.0 .
# Its files are of the release in Debian 12 that the engine fetches.
FROM debian:12-slim AS build
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
        --no-install-recommends gcc libc6-dev cmake ninja-build pkgconf python3 ca-certificates \
        libuv1-dev libjson-c-dev libyaml-dev libpaho-mqtt-dev libssl-dev libcurl4-openssl-dev \
        libwebsockets-dev libwebsockets-evlib-uv zlib1g-dev
WORKDIR /src
COPY . .
ARG SOURCE_DATE_EPOCH=0
RUN cmake --preset release -DDEVICELINK_TESTS=OFF && cmake --build build/release && \
        SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH hack/image --build build/release --tree /image

FROM scratch
COPY --from=build /image/ /
COPY --from=build --chown=65532:65532 /image/var/lib/devicelink/ /var/lib/devicelink/
USER 65532:65532
ENV PATH=/usr/bin STATE_DIRECTORY=/var/lib/devicelink
EXPOSE 8080
ENTRYPOINT ["/usr/bin/devicelink"]
