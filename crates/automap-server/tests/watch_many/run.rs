//! One run: three replicas, faults, a kill, a return, and the table.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use automap_server::store::Store;
use automap_server::store::postgres::PostgresStore;

use super::common::Folder;
use super::common::postgres::Postgres;
use super::common::server::Server;
use super::replica::{Replica, Taken};
use super::world::{Fault, HEADER, PRESET, SERVICES, World, name};
use super::{accounts, looks, now_ms};

pub(crate) const REPLICAS: usize = 3;
/// Time between two polls of a target: the default.
pub(crate) const EVERY: Duration = Duration::from_secs(15);
/// The targets are settled when none has moved for this long.
const CALM: Duration = Duration::from_secs(30);
/// Longest wait for targets to settle, for incidents to end and for messages to be sent.
const PATIENCE: Duration = Duration::from_secs(420);
/// For how long the work is measured.
const MEASURED: Duration = Duration::from_secs(60);
/// From the first faults to the kill.
const UNTIL_KILL_S: i64 = 120;
/// How long a fault lasts.
const FAULT_MS: i64 = 180_000;
/// The replica that is killed: the first to start, so that it also sends the messages.
const KILLED: usize = 0;

pub(crate) struct Run {
    folder: Folder,
    store: Arc<dyn Store>,
    world: World,
    receiver: Server,
    replicas: [Option<Replica>; REPLICAS],
    targets: usize,
    begun: Instant,
    /// The number of targets broken so far.
    broken: usize,
    table: String,
}

impl Run {
    pub(crate) fn new(server: &Postgres, targets: usize) -> Self {
        let folder = Folder::new("watch-many");
        folder.file("preset.yaml", PRESET);
        folder.file("postgres", &server.url("many"));
        let store: Arc<dyn Store> = Arc::new(PostgresStore::open(&server.url("many"), None).unwrap());
        let table = "| | targets of each replica | furthest from the mean | looks a minute | processor, % of a core | memory, MiB | threads | open files |\n\
                     |---|---|---:|---|---|---|---|---|\n"
            .to_owned();
        let (world, receiver) = (World::start(), Server::start(Vec::new()));
        let begun = Instant::now();
        let mut run =
            Self { folder, store, world, receiver, replicas: [None, None, None], targets, begun, broken: 0, table };
        for number in 0..REPLICAS {
            run.start(number);
            // So that the first of them is the one that sends messages.
            std::thread::sleep(Duration::from_secs(1));
        }
        run
    }

    fn start(&mut self, number: usize) {
        let (url, place) = (self.world.url(), self.folder.path().display().to_string());
        let target = |target: usize| {
            let name = name(target);
            format!(
                "  - {{ name: {name}, namespace: {name}, every: {}s, remember: 30m, scrape_interval: 15s, changes: false, breakdown: false, \
                 compare_with: none, prometheus: {{ url: '{url}', headers: ['{HEADER}: {number}'], presets: ['{place}/preset.yaml'] }} }}\n",
                EVERY.as_secs()
            )
        };
        let targets: String = (0..self.targets).map(target).collect();
        let yaml = format!(
            "targets:\n{targets}store: {{ postgres: {{ file: '{place}/postgres' }} }}
notify:
  http: {{ allow_loopback: true, timeout_s: 2 }}
  receivers: [{{ name: r, to: {{ webhook: {{ url: '{}' }} }} }}]
  routes: [{{ name: chat, receiver: r }}]
api: {{ listen: '127.0.0.1:0' }}
",
            self.receiver.url("/")
        );
        self.replicas[number] = Some(Replica::start(&self.folder, number, &yaml));
    }

    /// The whole run. Returns the table and the lines below it.
    pub(crate) fn whole(mut self) -> String {
        let settled = self.settle(self.begun);
        let mut lines = format!("settled {settled:.0?} after the first start\n");
        let kill_at_ms = now_ms() + UNTIL_KILL_S * 1000;
        self.break_down(&[-115, -112, -109, -75, -40, -10, -1, 3, 8], kill_at_ms, KILLED);
        self.break_down(&[-115, -100, -10, 5], kill_at_ms, 1);
        self.break_down(&[-115, -10], kill_at_ms, 2);
        self.measure("three replicas");
        self.wait_until(kill_at_ms);
        lines += &self.kill();
        self.measure("one of them killed");
        let back = Instant::now();
        let back_ms = now_ms() + 5000;
        self.break_down(&[-40, -5, 6], back_ms, 1);
        self.break_down(&[-20, 2], back_ms, 2);
        self.wait_until(back_ms);
        self.start(KILLED);
        writeln!(lines, "settled {:.0?} after it was started again", self.settle(back)).unwrap();
        self.measure("started again");
        lines += &self.finish();
        format!("\n{}\n{lines}", self.table)
    }

    /// Breaks targets of a replica this many seconds after a moment.
    fn break_down(&mut self, after_s: &[i64], moment_ms: i64, replica: usize) {
        let owners = looks::owners(&self.world.looks_since(self.begun));
        let known = self.world.faults();
        let free = owners.iter().filter(|(target, owner)| **owner == replica && !known.contains_key(target));
        let free: Vec<usize> = free.map(|(target, _)| *target).collect();
        // Spread over its targets, whichever are given away next. If it has too few, any unbroken targets are used.
        let free = if free.len() < after_s.len() {
            (0..self.targets).filter(|t| !known.contains_key(t)).collect()
        } else {
            free
        };
        for (i, seconds) in after_s.iter().enumerate() {
            let from_ms = moment_ms + seconds * 1000;
            self.broken += 1;
            let place = self.broken % SERVICES.len();
            let target = free[i * free.len() / after_s.len()];
            self.world.break_down(target, Fault { place, from_ms, until_ms: from_ms + FAULT_MS });
        }
    }

    fn check_alive(&mut self) {
        self.replicas.iter_mut().flatten().for_each(Replica::check_alive);
    }

    fn wait_until(&mut self, moment_ms: i64) {
        let left = u64::try_from(moment_ms - now_ms()).unwrap_or(0);
        std::thread::sleep(Duration::from_millis(left));
        self.check_alive();
    }

    /// Waits until every target is watched and none has moved for a while. Returns how long after `since` the last one moved.
    fn settle(&mut self, since: Instant) -> Duration {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            self.check_alive();
            let all = self.world.looks_since(self.begun);
            let recent = self.world.looks_since(Instant::now() - EVERY * 5 / 2);
            let last = looks::last_move(&all).map_or(since, |moved| moved.max(since));
            let is_whole = looks::owners(&recent).len() == self.targets;
            if since.elapsed() > CALM && last.elapsed() > CALM && is_whole {
                return last - since;
            }
            let seen = looks::owners(&recent).len();
            assert!(since.elapsed() < PATIENCE, "{seen} of {} targets are watched, {last:?}", self.targets);
        }
    }

    fn taken(&self) -> [Option<Taken>; REPLICAS] {
        [0, 1, 2].map(|i| self.replicas[i].as_ref().map(Replica::taken))
    }

    /// A row of the table: the work of a minute.
    fn measure(&mut self, what: &str) {
        let (since, before) = (Instant::now(), self.taken());
        std::thread::sleep(MEASURED);
        self.check_alive();
        let after = self.taken();
        let recent = self.world.looks_since(since);
        let (held, counts) = (looks::held(&recent), looks::counts(&recent));
        assert_eq!(looks::owners(&recent).len(), self.targets, "{what}: every target is looked at");
        let live = after.iter().flatten().count();
        let mean = self.targets as f64 / live as f64;
        let of_live = (0..REPLICAS).filter(|i| after[*i].is_some());
        let off = of_live.map(|i| (held[i] as f64 / mean - 1.0).abs() * 100.0).fold(0.0, f64::max);
        let each = |value: &dyn Fn(usize, Taken, Taken) -> String| {
            let cell = |i| match (before[i], after[i]) {
                (Some(before), Some(after)) => value(i, before, after),
                _ => "–".to_owned(),
            };
            [0, 1, 2].map(cell).join(" · ")
        };
        let seconds = since.elapsed().as_secs_f64();
        writeln!(
            self.table,
            "| {what} | {} | {off:.1} % | {} | {} | {} | {} | {} |",
            each(&|i, _, _| held[i].to_string()),
            each(&|i, _, _| format!("{:.0}", counts[i] as f64 * 60.0 / seconds)),
            each(&|_, before, after| format!("{:.0}", (after.cpu_s - before.cpu_s) / seconds * 100.0)),
            each(&|_, _, after| format!("{:.0}", after.resident_mib)),
            each(&|_, _, after| after.threads.to_string()),
            each(&|_, _, after| after.files.to_string()),
        )
        .unwrap();
        print!("{}", self.table.lines().last().unwrap_or_default());
        println!();
    }

    /// Kills a replica and waits until its targets are watched again. Returns the line that reports how long that took.
    fn kill(&mut self) -> String {
        let owners = looks::owners(&self.world.looks_since(self.begun));
        let its: Vec<usize> = owners.into_iter().filter(|(_, owner)| *owner == KILLED).map(|(t, _)| t).collect();
        let killed = Instant::now();
        self.replicas[KILLED].take().unwrap().kill();
        let settled = self.settle(killed);
        let after = self.world.looks_since(killed);
        let taken_over = looks::taken_over(&after, &its, KILLED, killed);
        let mut seconds: Vec<f64> = taken_over.iter().flatten().map(Duration::as_secs_f64).collect();
        assert_eq!(seconds.len(), its.len(), "targets of the killed replica are watched by nobody");
        seconds.sort_by(f64::total_cmp);
        let (median, max) = (seconds.get(seconds.len() / 2), seconds.last());
        format!(
            "the {} targets of the killed replica were looked at again after {:.1} s (median) and {:.1} s at most; none moved after {settled:.0?}\n",
            its.len(),
            median.unwrap_or(&f64::NAN),
            max.unwrap_or(&f64::NAN),
        )
    }

    /// Waits until the incidents are over and their messages sent, ends the replicas, and does the final checks.
    fn finish(&mut self) -> String {
        let faults = self.world.faults();
        let begun = Instant::now();
        while !accounts::are_over(&*self.store, faults.len()) && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_secs(1));
            self.check_alive();
        }
        // Duplicates may arrive late.
        std::thread::sleep(EVERY * 2);
        while self.store.outbox().unwrap().waiting > 0 {
            assert!(begun.elapsed() < 2 * PATIENCE, "messages still wait: {:?}", self.store.outbox());
            std::thread::sleep(Duration::from_millis(100));
        }
        let peaks: Vec<String> = self.replicas.iter().flatten().map(|r| format!("{:.0}", r.peak_mib())).collect();
        let ends = self.replicas.iter_mut().filter_map(Option::take).map(Replica::end);
        let slowest = ends.max().unwrap_or_default();
        let all = self.world.looks_since(self.begun);
        let result = accounts::check(&*self.store, &self.receiver, &faults);
        format!(
            "{} looks by {} requests in {:.0?}; {} targets went to another replica and back within {:.0?}; at most {:.1?} between two looks at a target\n\
             memory at most {} MiB; ended within {slowest:.1?}\n{result}\n",
            all.len(),
            self.world.requests(),
            self.begun.elapsed(),
            looks::there_and_back(&all),
            looks::SOON,
            looks::longest_gap(&all),
            peaks.join(", "),
        )
    }
}
