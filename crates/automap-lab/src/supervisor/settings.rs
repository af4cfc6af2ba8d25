//! Passes settings to applications, as a kubelet does when it refreshes a mounted config map.

use super::lab_state::SharedState;
use super::log::log;
use super::process_effect::ProcessEffect;
use crate::change::effect_of;

/// Sends the settings to the pods of a service, or to one of them. Removed settings end in all of them.
pub(super) async fn tell(shared: &SharedState, service: &str, only_pod: Option<&str>, removed: &[String]) {
    let (on, off) = effects(shared, service, only_pod, removed);
    for effect in &off {
        effect.end().await;
    }
    for effect in &on {
        if let Err(problem) = effect.apply().await {
            // One that just started gets them when it is ready.
            log(&format!("a setting did not reach {}: {problem}", effect.pod));
        }
    }
}

fn effects(
    shared: &SharedState,
    service: &str,
    only_pod: Option<&str>,
    removed: &[String],
) -> (Vec<ProcessEffect>, Vec<ProcessEffect>) {
    let state = &mut *shared.state();
    let settings = state.config_maps.get(service).map(|c| c.settings.clone()).unwrap_or_default();
    let (mut on, mut off) = (Vec::new(), Vec::new());
    for pod in state.pods_of(service).filter(|p| p.app.pid().is_some() && only_pod.is_none_or(|name| name == p.name)) {
        let path = |name: &str| format!("/effects/setting-{name}");
        for (name, value) in &settings {
            if let Ok(Some(effect)) = effect_of(name, value) {
                on.push(ProcessEffect::new(shared.ports, pod, path(name), effect));
            }
        }
        // Any effect will do: only the path matters for ending it.
        let gone = crate::effect::Effect::RequestWork { factor: 1.0 };
        off.extend(removed.iter().map(|name| ProcessEffect::new(shared.ports, pod, path(name), gone.clone())));
    }
    (on, off)
}
