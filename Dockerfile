# automap as one static binary in an empty image: no shell, no libraries, not root. `make image` builds it.
# TLS trusts the compiled-in certificate authorities. Times are UTC, because the image has no time-zone database.
FROM node:22-alpine AS page
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web .
RUN npm run build

FROM rust:1.95-alpine AS build
RUN apk add --no-cache musl-dev gcc make binutils
# rust-toolchain.toml is left out (.dockerignore), because rustup would otherwise fetch another toolchain than the image's.
WORKDIR /src
COPY . .
COPY --from=page /src/web/dist web/dist
# The features are those of `make dist`: no shop and no baselines.
RUN cargo build --profile dist --locked --package automap --no-default-features --features server,postgres,kubernetes,png,web \
 && ! readelf -d target/dist/automap | grep NEEDED \
 && mkdir -p /out/var/lib/automap \
 && cp target/dist/automap /out/automap

FROM scratch
COPY --from=build --chown=65532:65532 /out/var/lib/automap /var/lib/automap
COPY --from=build /out/automap /usr/local/bin/automap
COPY LICENSE /LICENSE
USER 65532:65532
ENV XDG_DATA_HOME=/var/lib PATH=/usr/local/bin
EXPOSE 9977
ENTRYPOINT ["/usr/local/bin/automap"]
CMD ["--help"]
