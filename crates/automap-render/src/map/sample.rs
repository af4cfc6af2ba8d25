//! Made-up maps for tests and for the example that draws them.

use automap_core::report::EntityKind;
use automap_core::service_map::MetricType;
use automap_core::service_map::{
    EdgeChange, EdgeMetric, Influence, MAP_SCHEMA_VERSION, MapEdge, MapKind, MapNode, NodeRole, ServiceMap,
};

/// Names that attempt to inject markup.
pub(crate) const HOSTILE: [&str; 7] = [
    "\"]-->x<script>alert(1)</script>&\"'",
    "a\nn9-->x<script>",
    "back\\slash\\",
    "%%{init: {\"theme\":\"x\"}}%%<script>",
    "`<script>` #quot; ;--",
    "x\" onload=\"alert(1)<script>--",
    "\u{202E}evil\u{0}]]><!--<script>",
];

/// A service that stayed normal.
pub(crate) fn node(service: &str) -> MapNode {
    MapNode::new(service, EntityKind::Service)
}

/// A call.
pub(crate) fn call(from: &str, to: &str) -> MapEdge {
    MapEdge {
        from: from.to_owned(),
        to: to.to_owned(),
        observed: true,
        asserted: false,
        metrics: Vec::new(),
        change: EdgeChange::Same,
        on_path: false,
    }
}

/// A link by data alone.
pub(crate) fn data(from: &str, to: &str, metric: MetricType, influence: Influence) -> MapEdge {
    MapEdge { observed: false, metrics: vec![weighted(metric, 1.0, influence)], ..call(from, to) }
}

fn weighted(metric: MetricType, weight: f64, influence: Influence) -> EdgeMetric {
    EdgeMetric { metric, weight, influence, change: EdgeChange::Same }
}

fn map(title: &str, nodes: Vec<MapNode>, edges: Vec<MapEdge>) -> ServiceMap {
    let (mut nodes, mut edges) = (nodes, edges);
    nodes.sort_by(|a, b| a.service.cmp(&b.service));
    edges.sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
    ServiceMap {
        schema_version: MAP_SCHEMA_VERSION,
        kind: MapKind::Anomaly,
        title: title.to_owned(),
        nodes,
        edges,
        notes: Vec::new(),
    }
}

/// Two services, one with this name, and a link each way.
pub(crate) fn hostile(name: &str) -> ServiceMap {
    let mut bad = node(name);
    bad.role = NodeRole::Cause;
    bad.summary = Some(name.to_owned());
    map(
        name,
        vec![bad, node("front-end")],
        vec![call("front-end", name), data(name, "front-end", MetricType::Cpu, Influence::Forward)],
    )
}

/// The Sock Shop with a slow network at payment.
pub(crate) fn shop() -> ServiceMap {
    const CALLS: [(&str, &str); 16] = [
        ("edge-router", "front-end"),
        ("front-end", "carts"),
        ("front-end", "catalogue"),
        ("front-end", "orders"),
        ("front-end", "session-db"),
        ("front-end", "user"),
        ("orders", "carts"),
        ("orders", "orders-db"),
        ("orders", "payment"),
        ("orders", "shipping"),
        ("orders", "user"),
        ("carts", "carts-db"),
        ("catalogue", "catalogue-db"),
        ("user", "user-db"),
        ("shipping", "rabbitmq"),
        ("queue-master", "rabbitmq"),
    ];
    let mut names: Vec<&str> = CALLS.iter().flat_map(|(a, b)| [*a, *b]).collect();
    names.sort_unstable();
    names.dedup();
    let mut nodes: Vec<MapNode> = names.into_iter().map(node).collect();
    for n in &mut nodes {
        let (role, rank, confidence, summary) = match n.service.as_str() {
            "payment" => (NodeRole::Cause, Some(1), Some(0.96), Some("network gap 1.2 → 309 ms")),
            "orders" => (NodeRole::Victim, None, None, Some("p95 latency 48.7 → 488 ms")),
            "front-end" | "edge-router" => (NodeRole::Victim, None, None, Some("p95 latency 71 → 530 ms")),
            "shipping" => (NodeRole::Candidate, Some(2), Some(0.11), Some("latency (mean) 4.1 → 6.6 ms")),
            "session-db" | "rabbitmq" => (NodeRole::Unobserved, None, None, None),
            _ => (NodeRole::Normal, None, None, None),
        };
        n.role = role;
        n.rank = rank;
        n.confidence = confidence;
        n.summary = summary.map(str::to_owned);
        n.is_entry = matches!(n.service.as_str(), "edge-router" | "queue-master");
    }
    let mut edges: Vec<MapEdge> = CALLS.iter().map(|(a, b)| call(a, b)).collect();
    for e in &mut edges {
        e.on_path = matches!(
            (e.from.as_str(), e.to.as_str()),
            ("edge-router", "front-end") | ("front-end", "orders") | ("orders", "payment")
        );
        if (e.from.as_str(), e.to.as_str()) == ("orders", "payment") {
            e.metrics = vec![weighted(MetricType::Latency, 1.0, Influence::Backward)];
        }
    }
    edges.push(data("carts-db", "user-db", MetricType::Memory, Influence::Undirected));
    edges.push(data("payment", "front-end", MetricType::Latency, Influence::Forward));
    edges.push(data("catalogue-db", "carts", MetricType::Cpu, Influence::Forward));
    map("cause: payment (network), confidence 0.96 · 14:03:15–14:12:00 UTC", nodes, edges)
}

/// The shop's map as a comparison of two times.
pub(crate) fn difference() -> ServiceMap {
    let mut shop = shop();
    shop.kind = MapKind::Difference;
    for e in &mut shop.edges {
        let change = match (e.from.as_str(), e.to.as_str()) {
            ("payment", "front-end") | ("orders", "payment") => EdgeChange::New,
            ("carts-db", "user-db") => EdgeChange::Gone,
            _ => continue,
        };
        e.change = change;
        e.metrics.iter_mut().for_each(|m| m.change = change);
    }
    shop
}

/// A made-up system in tiers: a cause two calls below an entry, its callers as victims, and links by data.
pub(crate) fn generated(services: usize, calls: usize, links: usize) -> ServiceMap {
    const WORDS: [&str; 12] = [
        "cart", "billing", "search", "profile", "stock", "pricing", "mail", "media", "route", "audit", "token",
        "review",
    ];
    const KINDS: [&str; 5] = ["api", "service", "worker", "cache", "db"];
    let mut state = 7_u64;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as usize) % below.max(1)
    };
    // Shares of the tiers, entries first.
    const TIERS: [f64; 6] = [0.0, 0.03, 0.15, 0.5, 0.75, 1.0];
    let isolated = services / 20;
    let connected = services - isolated;
    let bound = |tier: usize| ((TIERS[tier] * connected as f64).round() as usize).max(tier.min(connected));
    let tier = |i: usize| (0..KINDS.len()).rev().find(|t| i >= bound(*t)).unwrap_or(0);
    let name = |i: usize| format!("{}-{}-{i}", WORDS[i % WORDS.len()], KINDS[tier(i)]);
    let mut nodes: Vec<MapNode> = (0..services).map(|i| node(&name(i))).collect();
    let mut edges: Vec<MapEdge> = Vec::new();
    let known = |edges: &[MapEdge], a: usize, b: usize| {
        edges.iter().any(|e| (e.from == name(a) && e.to == name(b)) || (e.from == name(b) && e.to == name(a)))
    };
    // Mostly from the tier before, now and then from any tier above.
    let caller_of = |to: usize, draw: &mut dyn FnMut(usize) -> usize| {
        let t = tier(to);
        let from = if draw(5) == 0 { 0 } else { bound(t - 1) };
        from + draw(bound(t) - from)
    };
    for to in bound(1)..connected {
        let from = caller_of(to, &mut draw);
        edges.push(call(&name(from), &name(to)));
    }
    let mut tries = 0;
    while edges.len() < calls && tries < 20 * calls {
        tries += 1;
        // Shared services are called by many.
        let to = bound(1) + draw(connected - bound(1)).min(draw(connected - bound(1)));
        let from = caller_of(to, &mut draw);
        if !known(&edges, from, to) {
            edges.push(call(&name(from), &name(to)));
        }
    }
    // The cause: the last service three calls below an entry, and everybody above it.
    let caller = |edges: &[MapEdge], of: &str| edges.iter().find(|e| e.to == of).map(|e| e.from.clone());
    let chain = |last: usize| {
        let mut chain = vec![name(last)];
        while let Some(above) = caller(&edges, &chain[chain.len() - 1]) {
            chain.push(above);
        }
        chain
    };
    let path = (0..connected).rev().map(chain).find(|c| c.len() >= 4).unwrap_or_else(|| chain(connected - 1));
    for (i, service) in path.iter().enumerate() {
        if let Some(n) = nodes.iter_mut().find(|n| n.service == *service) {
            n.role = if i == 0 { NodeRole::Cause } else { NodeRole::Victim };
            n.confidence = (i == 0).then_some(0.87);
            n.rank = (i == 0).then_some(1);
            n.summary = Some(if i == 0 { "CPU 120 → 960 millicores" } else { "p95 latency 31 → 240 ms" }.to_owned());
        }
    }
    for e in &mut edges {
        e.on_path = path.windows(2).any(|w| w[0] == e.to && w[1] == e.from);
    }
    const METRICS: [MetricType; 4] = [MetricType::Latency, MetricType::Cpu, MetricType::Throughput, MetricType::Memory];
    let mut tries = 0;
    let mut made = 0;
    while made < links && tries < 20 * links {
        tries += 1;
        let (a, b) = (draw(connected), draw(connected));
        if a != b && !known(&edges, a, b) {
            let influence = if draw(2) == 0 { Influence::Undirected } else { Influence::Forward };
            edges.push(data(&name(a), &name(b), METRICS[draw(METRICS.len())], influence));
            made += 1;
        }
    }
    for (i, n) in nodes.iter_mut().enumerate() {
        n.is_entry = edges.iter().any(|e| e.observed && e.from == n.service)
            && !edges.iter().any(|e| e.observed && e.to == n.service);
        if n.role == NodeRole::Normal && i % 17 == 5 {
            n.role = NodeRole::Unobserved;
        }
    }
    map(&format!("cause: {} (cpu), confidence 0.87 · 14:03:15–14:12:00 UTC", path[0]), nodes, edges)
}
