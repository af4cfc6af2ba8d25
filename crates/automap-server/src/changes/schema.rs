//! The schema of the webhooks' bodies in the API's document. They are read more leniently than a type can express.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// Any of the forms, depending on the path.
pub(crate) struct ChangeWebhook;

impl JsonSchema for ChangeWebhook {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ChangeWebhook".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A change as its sender describes it, or a list of them. In the plain form: `at` (RFC 3339, or seconds or milliseconds since 1970; \
                            left out: now), `kind` (`release`, `rollback`, `config_map`, `feature_flag`, …), `service`, `subject`, `from`, `to`, `url`, \
                            `id` (the same when it is told again), `target`, `namespace`, `cluster`, `environment`. The other forms are those of their \
                            senders: see docs/changes.md.",
            "type": ["object", "array"]
        })
    }
}
