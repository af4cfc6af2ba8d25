//! What each exit code of each verb means: the table behind the last lines of every help text and of docs/cli.md.

/// The exit codes that a verb can end with, besides 0 (done) and 2 (wrong usage, file or name), which every verb has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExitCodes {
    /// The verb, with its parent where it has one: `chaos score`.
    pub(crate) verb: &'static str,
    /// What 1 means; `None` where the verb never ends with it.
    pub(crate) found: Option<&'static str>,
    /// Whether it may end with 3: a Prometheus is not reachable or refuses.
    pub(crate) asks_server: bool,
    /// Whether it may end with 4: the data does not suffice.
    pub(crate) analyses: bool,
    /// Whether it may end with 130: Ctrl-C or SIGTERM before it was done.
    pub(crate) is_interruptible: bool,
}

const fn verb(verb: &'static str) -> ExitCodes {
    ExitCodes { verb, found: None, asks_server: false, analyses: false, is_interruptible: false }
}

impl ExitCodes {
    const fn found(self, meaning: &'static str) -> Self {
        Self { found: Some(meaning), ..self }
    }

    const fn asks_server(self) -> Self {
        Self { asks_server: true, analyses: true, ..self }
    }

    const fn analyses(self) -> Self {
        Self { analyses: true, ..self }
    }

    const fn interruptible(self) -> Self {
        Self { is_interruptible: true, ..self }
    }

    /// Codes and meanings, in order.
    pub(crate) fn meanings(&self) -> Vec<(u8, &'static str)> {
        let all = [
            (0, Some("done")),
            (1, self.found),
            (2, Some("wrong usage, file or name")),
            (3, self.asks_server.then_some("Prometheus not reachable")),
            (4, self.analyses.then_some("not enough data")),
            (130, self.is_interruptible.then_some("interrupted")),
        ];
        all.into_iter().filter_map(|(code, meaning)| Some((code, meaning?))).collect()
    }

    /// The last lines of the verb's help.
    pub(crate) fn help(&self) -> String {
        let lines: Vec<String> = self.meanings().iter().map(|(code, text)| format!("  {code:<3}  {text}")).collect();
        format!("Exit codes:\n{}", lines.join("\n"))
    }
}

/// All verbs, by name. Verbs that a build lacks are in the table too.
pub(crate) const EXIT_CODES: &[ExitCodes] = &[
    verb("archive add"),
    verb("archive history"),
    verb("archive list"),
    verb("archive show"),
    verb("archive similar"),
    verb("capture").asks_server(),
    verb("changes").asks_server(),
    verb("chaos list"),
    verb("chaos record"),
    verb("chaos score").found("below --min-top1, --min-top3 or --min-exact-set"),
    verb("compare").found("something differs (with --exit-code)").asks_server(),
    verb("config check").found("weak settings, with --strict"),
    verb("config default"),
    verb("config hash-password"),
    verb("config presets"),
    verb("confirm").analyses(),
    verb("demo").asks_server().interruptible(),
    verb("diagnose").found("a cause was named (with --exit-code)").asks_server(),
    verb("discover").found("no requests or no latency found").asks_server(),
    verb("doctor").found("something prevents a diagnosis").asks_server(),
    verb("drill").found("below the required accuracy, or a false alarm").asks_server().interruptible(),
    verb("eval").found("below --min-ac1"),
    verb("explain").asks_server(),
    verb("graph").asks_server(),
    verb("incidents confirm"),
    verb("incidents export"),
    verb("incidents import"),
    verb("incidents list"),
    verb("incidents show"),
    verb("lab autoscale"),
    verb("lab config"),
    verb("lab down"),
    verb("lab inject"),
    verb("lab load"),
    verb("lab release"),
    verb("lab rollback"),
    verb("lab scale"),
    verb("lab status"),
    verb("lab up"),
    verb("mcp"),
    verb("mutes add"),
    verb("mutes end"),
    verb("mutes list"),
    verb("profile").asks_server(),
    verb("replay").asks_server(),
    verb("report").asks_server(),
    verb("schema"),
    verb("serve"),
    verb("sim"),
    verb("soak").found("an incident opened without a fault").asks_server(),
    verb("trend").found("something rises or falls (with --exit-code)").asks_server(),
    verb("ui").asks_server(),
    verb("watch"),
];

/// The codes of a verb; `None` for a name that is not a verb.
pub(crate) fn of(verb: &str) -> Option<&'static ExitCodes> {
    EXIT_CODES.iter().find(|codes| codes.verb == verb)
}
