//! The container images of the shop, and digests that are as stable as those of a registry.

use automap_core::random::Rng;

use super::names;
use crate::stores::Server;

/// Digests depend on this and on the image's name only: a tag always stands for the same content.
const DIGEST_SEED: u64 = 1;

/// The images of the Sock Shop's manifests, with mongo pinned to one that works.
pub(super) fn original(service: &str) -> String {
    let tag = match service {
        "carts" | "shipping" => "0.4.8",
        "catalogue" => "0.3.5",
        "catalogue-db" | "user-db" => "0.3.0",
        "front-end" => "0.3.12",
        "orders" | "user" => "0.4.7",
        "payment" => "0.4.3",
        "queue-master" => "0.3.1",
        "carts-db" | "orders-db" => return "docker.io/library/mongo:5.0.11".to_owned(),
        "rabbitmq" => return "docker.io/library/rabbitmq:3.6.8-management".to_owned(),
        _ => return "docker.io/library/redis:alpine".to_owned(),
    };
    of_version(service, tag)
}

/// The images that stand for the real servers in pods: the programs are those of this machine.
pub(super) fn of_server(server: Server) -> String {
    let name = match server {
        Server::MariaDb => "mariadb",
        Server::PostgreSql => "postgres",
        Server::Redis => "redis",
        Server::RabbitMq => "rabbitmq",
    };
    format!("docker.io/library/{name}:local")
}

/// The image of one version of a service.
pub(super) fn of_version(service: &str, tag: &str) -> String {
    format!("docker.io/weaveworksdemos/{service}:{tag}")
}

/// `docker.io/weaveworksdemos/orders@sha256:…`: what a node pulled under that name.
pub(super) fn digest(image: &str) -> String {
    let repository = image.rsplit_once(':').map_or(image, |(repository, _)| repository);
    format!("{repository}@sha256:{}", names::container_id(&mut Rng::named(DIGEST_SEED, image)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_tag_has_another_digest_and_the_same_tag_the_same() {
        let (v1, v2) = (digest(&of_version("orders", "v1")), digest(&of_version("orders", "v2")));
        assert_ne!(v1, v2);
        assert_eq!(v1, digest("docker.io/weaveworksdemos/orders:v1"));
        assert!(v1.starts_with("docker.io/weaveworksdemos/orders@sha256:") && v1.len() == 40 + 64, "{v1}");
    }
}
