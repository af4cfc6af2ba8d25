//! queue-master: works on the shipping tasks of the broker's queue. Nobody calls it, so nobody upstream notices when
//! it stands still.

use std::sync::Arc;
use std::time::Duration;

use super::super::context::App;

/// Where shipping puts its tasks.
pub(super) const QUEUE: &str = "shipping-task";
/// Pause after the broker could not be reached.
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn consume(app: Arc<App>) {
    loop {
        let Ok(broker) = app.store("rabbitmq") else { return };
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
