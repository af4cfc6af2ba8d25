use super::super::readings::tests::{Table, minute};
use super::*;
use crate::prometheus::pods::Owners;

fn found(table: Table) -> Vec<(ChangeKind, String, i64, i64, String)> {
    let owners = Owners::default();
    let changes = find(&table.0, &Workloads { owners: &owners, services: BTreeSet::new() });
    let words = |c: &Change| {
        let or_none = |text: &Option<String>| text.clone().unwrap_or("?".into());
        format!("{} → {} by {}", or_none(&c.from), or_none(&c.to), c.source)
    };
    let after = |c: &Change| (c.at.ms() - minute(0).ms()) / 1000;
    changes.iter().map(|c| (c.kind, c.subject.clone(), after(c), c.uncertainty_ms / 1000, words(c))).collect()
}

const OLD: &str = "owner_kind=ReplicaSet,owner_name=web-77cd5fb6c4";
const NEW: &str = "owner_kind=ReplicaSet,owner_name=web-88cd5fb6c4";

fn row(
    kind: ChangeKind,
    subject: &str,
    s: i64,
    uncertain_s: i64,
    words: &str,
) -> (ChangeKind, String, i64, i64, String) {
    (kind, subject.into(), s, uncertain_s, words.into())
}

#[test]
fn owners_of_pods_alone_tell_release_and_roll_back() {
    let table = Table::new().there(Part::PodOwners, OLD, (0..22).chain(40..60)).there(Part::PodOwners, NEW, 20..41);
    assert_eq!(
        found(table),
        [
            row(ChangeKind::Release, "deployment web", 1200, 75, "? → ? by kube_pod_owner"),
            row(ChangeKind::Rollback, "deployment web", 2400, 75, "? → ? by kube_pod_owner"),
        ]
    );
}

#[test]
fn replica_sets_and_pods_date_exactly_and_images_name_the_version() {
    let [old, new] = ["web-77cd5fb6c4", "web-88cd5fb6c4"].map(|set| format!("replicaset={set}"));
    let of = |owner: &str, tag: &str| format!("{owner},container=web,image=shop/web:{tag},image_id=web@sha256:{tag}");
    let table = Table::new()
        .there(Part::ReplicaSets, &old, (0..22).chain(40..60))
        .there(Part::ReplicaSets, &new, 20..41)
        .there(Part::Images, &of(OLD, "1.0"), (0..22).chain(40..60))
        .there(Part::Images, &of(NEW, "1.1"), 20..41)
        .time("__name__=kube_replicaset_created,replicaset=web-77cd5fb6c4", minute(-9_000))
        .time("__name__=kube_replicaset_created,replicaset=web-88cd5fb6c4", minute(20).plus_ms(-17_000))
        .time("__name__=kube_pod_created,pod=web-77cd5fb6c4-x2x4z", minute(40).plus_ms(-31_000))
        .time("__name__=kube_pod_created,pod=web-77cd5fb6c4-x2x4w", minute(40).plus_ms(-20_000));
    assert_eq!(
        found(table),
        [
            row(ChangeKind::Release, "deployment web", 1183, 0, "1.0 → 1.1 by kube_replicaset_created"),
            row(ChangeKind::Rollback, "deployment web", 2369, 0, "1.1 → 1.0 by kube_pod_created"),
        ]
    );
}

#[test]
fn an_older_set_takes_over_again_though_it_was_not_seen_before() {
    let table = Table::new()
        .there(Part::ReplicaSets, "replicaset=web-88cd5fb6c4", 0..31)
        .there(Part::ReplicaSets, "replicaset=web-77cd5fb6c4", 30..60)
        .time("__name__=kube_replicaset_created,replicaset=web-77cd5fb6c4", minute(-9_000))
        .time("__name__=kube_replicaset_created,replicaset=web-88cd5fb6c4", minute(-90));
    assert_eq!(found(table).iter().map(|c| (c.0, c.2)).collect::<Vec<_>>(), [(ChangeKind::Rollback, 1800)]);
}

#[test]
fn a_release_soon_after_the_first_look_is_known_by_its_time() {
    let table = Table::new().there(Part::ReplicaSets, "replicaset=web-77cd5fb6c4", 0..3).there(
        Part::ReplicaSets,
        "replicaset=web-88cd5fb6c4",
        1..60,
    );
    let created = |at| format!("__name__=kube_replicaset_created,replicaset=web-{at}cd5fb6c4");
    let table = table.time(&created(77), minute(-9)).time(&created(88), minute(0).plus_ms(49_000));
    assert_eq!(found(table).iter().map(|c| (c.0, c.2, c.3)).collect::<Vec<_>>(), [(ChangeKind::Release, 49, 0)]);
}

#[test]
fn a_release_given_up_is_a_roll_back_and_a_recreated_one_is_no_second() {
    let given_up = Table::new().there(Part::PodOwners, OLD, 0..60).there(Part::PodOwners, NEW, 20..30);
    let kinds = |table| found(table).iter().map(|c| (c.0, c.2 / 60)).collect::<Vec<_>>();
    assert_eq!(kinds(given_up), [(ChangeKind::Release, 20), (ChangeKind::Rollback, 30)]);
    // `Recreate`: all pods go before the first new one starts.
    let recreated = Table::new().there(Part::PodOwners, OLD, 0..20).there(Part::PodOwners, NEW, 25..60);
    assert_eq!(kinds(recreated), [(ChangeKind::Release, 25)]);
    let to_zero = Table::new().there(Part::PodOwners, OLD, (0..20).chain(25..60));
    assert_eq!(kinds(to_zero), [], "the same template runs again");
    let first = Table::new().there(Part::PodOwners, NEW, 25..60);
    assert_eq!(kinds(first), [(ChangeKind::Release, 25)], "a workload that was not there before");
    let scaled = Table::new().there(Part::PodOwners, NEW, 25..60).values(
        Part::Gauges,
        "__name__=kube_deployment_spec_replicas,deployment=web",
        [(10, 0.0), (25, 2.0)],
    );
    assert_eq!(kinds(scaled), [], "it was there, with no replicas");
}

#[test]
fn the_same_template_by_another_image_is_an_image_and_the_same_image_is_told() {
    let of = |owner: &str, id: &str| format!("{owner},container=web,image=shop/web,image_id=web@sha256:{id}");
    let pushed = Table::new().there(Part::PodOwners, OLD, 0..60).there(Part::Images, &of(OLD, "aa"), 0..22).there(
        Part::Images,
        &of(OLD, "bb"),
        20..60,
    );
    assert_eq!(
        found(pushed),
        [row(ChangeKind::Image, "image shop/web of container web", 1200, 75, "aa → bb by kube_pod_container_info")]
    );
    let restarted = Table::new()
        .there(Part::PodOwners, OLD, 0..22)
        .there(Part::PodOwners, NEW, 20..60)
        .there(Part::Images, &of(OLD, "aa"), 0..22)
        .there(Part::Images, &of(NEW, "aa"), 20..60);
    assert_eq!(
        found(restarted),
        [row(ChangeKind::Release, "deployment web", 1200, 75, "? → latest (same image) by kube_pod_owner")]
    );
}

#[test]
fn stateful_and_daemon_sets_keep_their_name() {
    let state = |revision: &str| {
        format!("__name__=kube_statefulset_status_update_revision,statefulset=db,revision=db-{revision}")
    };
    let of = |kind: &str, name: &str, tag: &str| {
        format!("owner_kind={kind},owner_name={name},container=x,image=x:{tag},image_id=x@{tag}")
    };
    let gauge = |family: &str| format!("__name__=kube_daemonset_{family},daemonset=log");
    let table = Table::new()
        .there(Part::States, &state("1"), (0..20).chain(40..60))
        .there(Part::States, &state("2"), 20..40)
        .there(Part::Images, &of("StatefulSet", "db", "1"), (0..24).chain(41..60))
        .there(Part::Images, &of("StatefulSet", "db", "2"), 21..44)
        .values(
            Part::Gauges,
            &gauge("metadata_generation"),
            (0..60).map(|m| (m, f64::from(m >= 10) + f64::from(m >= 30))),
        )
        .values(
            Part::Gauges,
            &gauge("status_updated_number_scheduled"),
            (0..60).map(|m| (m, if m == 31 { 1.0 } else { 3.0 })),
        );
    assert_eq!(
        found(table),
        [
            row(ChangeKind::Release, "stateful set db", 1200, 75, "1 → 2 by kube_statefulset_status_update_revision"),
            row(ChangeKind::Rollback, "stateful set db", 2400, 75, "2 → 1 by kube_statefulset_status_update_revision"),
            row(ChangeKind::Release, "daemon set log", 1800, 75, "? → ? by kube_daemonset_metadata_generation"),
        ],
        "an annotation raises the generation, too, at minute 10"
    );
}
