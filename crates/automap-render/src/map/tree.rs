//! The map for a terminal: calls as an indented tree, with the cause and the path to it marked.
//!
//! Branches of a large system that stayed normal are folded into counts unless all are requested.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::captions;
use automap_core::service_map::{EdgeChange, MapEdge, MapNode, NodeRole, ServiceMap};

/// How the tree looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct TreeOptions {
    /// ANSI colours for the cause, the path and the victims; words and signs say the same.
    pub color: bool,
    /// Every branch, however large the system.
    pub all: bool,
}

/// Services up to which every branch is shown.
const SMALL: usize = 40;
/// Links by data alone that are listed.
const MAX_LINKS: usize = 12;
/// Characters of a name.
const NAME_CHARS: usize = 48;

const BOLD_RED: &str = "1;31";
const YELLOW: &str = "33";
const DIM: &str = "2";

/// The tree, with a final newline. Entries are at the left, callees below their callers, those that the incident touches first; a service with
/// several callers is unfolded once and only named elsewhere. Without [`TreeOptions::all`], branches of a large system in which everything stayed
/// normal are counted instead of shown.
pub fn tree(map: &ServiceMap, options: &TreeOptions) -> String {
    let mut out = String::new();
    let _ = Tree::new(map, options).write(&mut out);
    out
}

struct Tree<'a> {
    map: &'a ServiceMap,
    options: &'a TreeOptions,
    nodes: BTreeMap<&'a str, &'a MapNode>,
    callees: BTreeMap<&'a str, Vec<&'a MapEdge>>,
    /// Services from which the incident can be reached over calls, themselves included.
    leads: BTreeSet<&'a str>,
    folds: bool,
}

/// A line of the tree: the strokes before it, the strokes before its callees, and the call that leads here.
struct Branch<'a> {
    service: &'a str,
    stem: String,
    below: String,
    edge: Option<&'a MapEdge>,
    /// Calls that lead here, for a heading of normal branches: their number instead of a service.
    folded: usize,
}

impl<'a> Tree<'a> {
    fn new(map: &'a ServiceMap, options: &'a TreeOptions) -> Self {
        let nodes: BTreeMap<&str, &MapNode> = map.nodes.iter().map(|n| (n.service.as_str(), n)).collect();
        let mut callees: BTreeMap<&str, Vec<&MapEdge>> = BTreeMap::new();
        let mut callers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let ends = |e: &&MapEdge| nodes.contains_key(e.from.as_str()) && nodes.contains_key(e.to.as_str());
        for edge in map.edges.iter().filter(|e| captions::is_call(e)).filter(ends) {
            callees.entry(&edge.from).or_default().push(edge);
            callers.entry(&edge.to).or_default().push(&edge.from);
        }
        let mut queue: Vec<&str> =
            map.nodes.iter().filter(|n| captions::is_affected(n.role)).map(|n| n.service.as_str()).collect();
        let mut leads = BTreeSet::new();
        while let Some(at) = queue.pop() {
            if leads.insert(at) {
                queue.extend(callers.get(at).into_iter().flatten());
            }
        }
        let folds = !options.all && map.nodes.len() > SMALL && !leads.is_empty();
        let mut tree = Self { map, options, nodes, callees, leads, folds };
        let mut order = std::mem::take(&mut tree.callees);
        order.values_mut().for_each(|edges| edges.sort_by_key(|e| tree.key(e)));
        tree.callees = order;
        tree
    }

    /// The path first, then what the incident touches, then names.
    fn key(&self, edge: &'a MapEdge) -> (bool, bool, &'a str) {
        (!edge.on_path, !self.leads.contains(edge.to.as_str()), edge.to.as_str())
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{}", captions::line(&self.map.title))?;
        writeln!(out, "{}\n", self.paint(DIM, &captions::subtitle(self.map)))?;
        let mut unfolded = BTreeSet::new();
        for root in self.roots() {
            // A service of a cycle that an earlier root unfolded is no longer a root.
            if !unfolded.contains(root) {
                self.unfold(out, root, &mut unfolded)?;
            }
        }
        self.alone(out)?;
        self.links(out)?;
        for note in &self.map.notes {
            writeln!(out, "\n{}", captions::line(&note.message))?;
        }
        Ok(())
    }

    /// Services without a caller, those that lead to the incident first; then services that only a cycle contains.
    fn roots(&self) -> Vec<&'a str> {
        let called: BTreeSet<&str> = self.callees.values().flatten().map(|e| e.to.as_str()).collect();
        let mut entries: Vec<&str> = self.callees.keys().filter(|s| !called.contains(**s)).copied().collect();
        entries.sort_by_key(|s| (!self.leads.contains(s), *s));
        let mut cyclic: Vec<&str> = self.callees.keys().filter(|s| called.contains(**s)).copied().collect();
        cyclic.sort_by_key(|s| (!self.leads.contains(s), *s));
        // Only those that no entry reaches.
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        let mut queue = entries.clone();
        while let Some(at) = queue.pop() {
            if reached.insert(at) {
                queue.extend(self.callees.get(at).into_iter().flatten().map(|e| e.to.as_str()));
            }
        }
        entries.extend(cyclic.into_iter().filter(|s| !reached.contains(s)));
        entries
    }

    fn unfold(&self, out: &mut String, root: &'a str, unfolded: &mut BTreeSet<&'a str>) -> std::fmt::Result {
        if self.folds && !self.leads.contains(root) {
            return Ok(());
        }
        let mut stack =
            vec![Branch { service: root, stem: String::new(), below: String::new(), edge: None, folded: 0 }];
        while let Some(branch) = stack.pop() {
            if branch.folded > 0 {
                let text = format!("… {} that stayed normal", captions::count(branch.folded, "more call"));
                writeln!(out, "{}{}", branch.stem, self.paint(DIM, &text))?;
                continue;
            }
            let is_first = unfolded.insert(branch.service);
            let callees = self.callees.get(branch.service).map(Vec::as_slice).unwrap_or_default();
            let again = !is_first && !callees.is_empty();
            writeln!(out, "{}{}", branch.stem, self.line(&branch, again))?;
            if !is_first {
                continue;
            }
            let (shown, hidden): (Vec<&&MapEdge>, Vec<&&MapEdge>) =
                callees.iter().partition(|e| !self.folds || self.leads.contains(e.to.as_str()));
            let mut below: Vec<Branch<'_>> = Vec::new();
            let total = shown.len() + usize::from(!hidden.is_empty());
            let strokes = |i: usize, on_path: bool| match (i + 1 == total, on_path) {
                (true, false) => ("└─ ", "   "),
                (true, true) => ("┗━ ", "   "),
                (false, false) => ("├─ ", "│  "),
                (false, true) => ("┣━ ", "│  "),
            };
            for (i, edge) in shown.into_iter().enumerate() {
                let (stroke, more) = strokes(i, edge.on_path);
                let stroke = if edge.on_path { self.paint(BOLD_RED, stroke) } else { stroke.to_owned() };
                below.push(Branch {
                    service: &edge.to,
                    stem: format!("{}{stroke}", branch.below),
                    below: format!("{}{more}", branch.below),
                    edge: Some(edge),
                    folded: 0,
                });
            }
            if !hidden.is_empty() {
                let stem = format!("{}{}", branch.below, strokes(total - 1, false).0);
                below.push(Branch { service: "", stem, below: String::new(), edge: None, folded: hidden.len() });
            }
            stack.extend(below.into_iter().rev());
        }
        Ok(())
    }

    /// `payment  ◀ CAUSE · 0.96  network gap 1.2 → 309 ms`.
    fn line(&self, branch: &Branch<'_>, again: bool) -> String {
        let Some(node) = self.nodes.get(branch.service) else { return captions::line(branch.service) };
        let name = captions::shorten(&node.service, NAME_CHARS);
        let role = captions::role(node);
        let more = node.summary.as_deref().map_or_else(String::new, |s| format!("  {}", captions::line(s)));
        let change = match branch.edge.map_or(EdgeChange::Same, |e| e.change) {
            EdgeChange::Same => "",
            EdgeChange::New => "  (its inferred edge is new)",
            EdgeChange::Gone => "  (its inferred edge is gone)",
        };
        let tail = if again { "  (see above)" } else { "" };
        let text = match (node.role, role) {
            (NodeRole::Cause, Some(role)) => self.paint(BOLD_RED, &format!("{name}  ◀ {role}{more}")),
            (NodeRole::Candidate | NodeRole::Victim, Some(role)) => {
                format!("{name}  {}{more}", self.paint(YELLOW, &role))
            }
            (NodeRole::Unobserved, Some(role)) => self.paint(DIM, &format!("{name}  {role}")),
            _ => name + &more,
        };
        format!("{text}{}", self.paint(DIM, &format!("{change}{tail}")))
    }

    /// Services that no call touches.
    fn alone(&self, out: &mut String) -> std::fmt::Result {
        let called: BTreeSet<&str> = self.callees.values().flatten().flat_map(|e| [e.from.as_str(), &e.to]).collect();
        let alone: Vec<&&MapNode> = self.nodes.values().filter(|n| !called.contains(n.service.as_str())).collect();
        if alone.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nwithout a call")?;
        let (notable, quiet): (Vec<&MapNode>, Vec<&MapNode>) =
            alone.into_iter().copied().partition(|n| captions::is_affected(n.role) || n.summary.is_some());
        for node in notable {
            let branch =
                Branch { service: &node.service, stem: String::new(), below: String::new(), edge: None, folded: 0 };
            writeln!(out, "   {}", self.line(&branch, false))?;
        }
        let names: Vec<String> = quiet.iter().map(|n| captions::shorten(&n.service, NAME_CHARS)).collect();
        let shown = if self.folds { names.len().min(MAX_LINKS) } else { names.len() };
        for row in names[..shown].chunks(6) {
            writeln!(out, "   {}", row.join(", "))?;
        }
        if shown < names.len() {
            writeln!(out, "   … {} more", names.len() - shown)?;
        }
        Ok(())
    }

    /// Inferred edges, those that touch the incident first.
    fn links(&self, out: &mut String) -> std::fmt::Result {
        let mut links: Vec<&MapEdge> = self.map.edges.iter().filter(|e| !captions::is_call(e)).collect();
        let touched = |e: &MapEdge| {
            [&e.from, &e.to].iter().any(|s| self.nodes.get(s.as_str()).is_some_and(|n| captions::is_affected(n.role)))
        };
        links.sort_by_key(|e| (e.change == EdgeChange::Same, !touched(e), e.from.as_str(), e.to.as_str()));
        if links.is_empty() {
            return Ok(());
        }
        writeln!(out, "\ninferred edges: metrics move together, no call observed")?;
        let shown = if self.options.all { links.len() } else { links.len().min(MAX_LINKS) };
        for edge in &links[..shown] {
            let change = match edge.change {
                EdgeChange::Same => "",
                EdgeChange::New => "  new",
                EdgeChange::Gone => "  gone",
            };
            let [from, to] = [&edge.from, &edge.to].map(|s| captions::shorten(s, NAME_CHARS));
            writeln!(out, "   {from} ┄ {to}  {}{change}", captions::metric_names(edge))?;
        }
        if shown < links.len() {
            writeln!(out, "   … {} more", links.len() - shown)?;
        }
        Ok(())
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.options.color && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{HOSTILE, call, generated, hostile, shop};
    use super::*;

    #[test]
    fn the_path_comes_first_and_the_cause_is_marked() {
        let text = tree(&shop(), &TreeOptions::default());
        let lines: Vec<&str> = text.lines().skip(3).take(4).collect();
        assert_eq!(
            lines,
            [
                "edge-router  victim  p95 latency 71 → 530 ms",
                "┗━ front-end  victim  p95 latency 71 → 530 ms",
                "   ┣━ orders  victim  p95 latency 48.7 → 488 ms",
                "   │  ┣━ payment  ◀ CAUSE · 0.96  network gap 1.2 → 309 ms",
            ]
        );
        assert!(text.contains("carts-db ┄ user-db  memory"), "{text}");
        assert!(!text.contains('\x1b'));
        assert!(tree(&shop(), &TreeOptions { color: true, all: false }).contains("\x1b[1;31mpayment"));
    }

    #[test]
    fn every_service_is_named_and_a_shared_one_unfolded_once() {
        let map = shop();
        let text = tree(&map, &TreeOptions::default());
        for node in &map.nodes {
            assert!(text.contains(&node.service), "{}", node.service);
        }
        assert_eq!(text.matches("carts-db").count(), 2, "once in the tree, once as a link: {text}");
        assert_eq!(text.matches("(see above)").count(), 2, "carts and user: {text}");
    }

    #[test]
    fn normal_branches_of_a_large_system_are_counted() {
        let map = generated(300, 600, 0);
        let short = tree(&map, &TreeOptions::default());
        let long = tree(&map, &TreeOptions { all: true, color: false });
        assert!(short.contains("that stayed normal") && short.contains("◀ CAUSE"));
        assert!(short.lines().count() < 80 && long.lines().count() > 600, "{}", short.lines().count());
    }

    #[test]
    fn a_cycle_ends() {
        let mut map = shop();
        map.nodes.retain(|n| ["carts", "user"].contains(&n.service.as_str()));
        map.edges = vec![call("carts", "user"), call("user", "carts")];
        let text = tree(&map, &TreeOptions::default());
        assert!(text.contains("carts\n└─ user\n   └─ carts  (see above)\n"), "{text}");
    }

    #[test]
    fn a_hostile_name_sends_no_control_characters() {
        for name in HOSTILE {
            let text = tree(&hostile(name), &TreeOptions::default());
            assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        }
    }
}
