# automap as one static program in an empty image: no shell, no libraries, nobody's root. `make image` builds it.
# TLS trusts the authorities that are compiled in; times are UTC, as there is no time-zone database.
FROM rust:1.95-alpine AS build
RUN apk add --no-cache musl-dev gcc make binutils
# rust-toolchain.toml stays outside (.dockerignore): it would make rustup fetch another toolchain than the image has.
WORKDIR /src
COPY . .
ENV CARGO_PROFILE_RELEASE_LTO=fat CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 CARGO_PROFILE_RELEASE_STRIP=symbols
RUN cargo build --release --locked --package automap \
 && ! readelf -d target/release/automap | grep NEEDED \
 && mkdir -p /out/var/lib/automap \
 && cp target/release/automap /out/automap

FROM scratch
COPY --from=build --chown=65532:65532 /out/var/lib/automap /var/lib/automap
COPY --from=build /out/automap /usr/local/bin/automap
COPY LICENSE /LICENSE
USER 65532:65532
ENV XDG_DATA_HOME=/var/lib PATH=/usr/local/bin
EXPOSE 9977
ENTRYPOINT ["/usr/local/bin/automap"]
CMD ["--help"]
