//! queue-master: processes the shipping tasks in the broker's queue. No service calls it, so no caller notices when it stops.

use std::sync::Arc;
use std::time::Duration;

use super::super::context::App;

/// Where shipping puts its tasks.
pub(in super::super) const QUEUE: &str = "shipping-task";
/// Pause after the broker could not be reached.
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn consume(app: Arc<App>) {
    loop {
        let Ok(broker) = app.store("rabbitmq") else { return };
        if app.effects.is_consumer_stopped() {
            broker.close_idle();
            tokio::time::sleep(RECONNECT_PAUSE).await;
            continue;
        }
        match broker.consume(QUEUE).await {
            Ok(Some(task)) => {
                app.work().await;
                app.remember(&task);
            }
            Ok(None) => {}
            Err(_) => tokio::time::sleep(RECONNECT_PAUSE).await,
        }
    }
}
