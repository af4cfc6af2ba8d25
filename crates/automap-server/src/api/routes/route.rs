//! One route: method, path, role, handler, and what the OpenAPI document says about it. The router and the document are both made from this.

use axum::http::Method;
use axum::routing::{MethodRouter, delete, get, post};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::api::app::App;
use crate::auth::Role;

/// Makes the schema of a type, or a reference to it.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

const JSON: &str = "application/json";

/// One route.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// Name in the document and in clients generated from it.
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    /// The role that is needed; `None` if no credentials are needed.
    pub(crate) role: Option<Role>,
    pub(crate) query: Option<SchemaOf>,
    pub(crate) body: Option<SchemaOf>,
    /// Status, media type and schema of the successful answers; text has no schema.
    pub(crate) answers: Vec<(u16, &'static str, Option<SchemaOf>)>,
    /// What the address of a redirection is.
    pub(crate) redirect: Option<&'static str>,
    pub(crate) handler: MethodRouter<App>,
}

impl Route {
    fn new(
        method: Method,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        handler: MethodRouter<App>,
    ) -> Self {
        let role = Some(Role::Viewer);
        Self { method, path, id, summary, role, query: None, body: None, answers: Vec::new(), redirect: None, handler }
    }

    /// A route that reads. Needs the role `viewer` unless changed.
    pub(crate) fn get<H, T>(path: &'static str, id: &'static str, summary: &'static str, handler: H) -> Self
    where
        H: axum::handler::Handler<T, App>,
        T: 'static,
    {
        Self::new(Method::GET, path, id, summary, get(handler))
    }

    /// A route that changes something. Needs the role `viewer` unless changed.
    pub(crate) fn post<H, T>(path: &'static str, id: &'static str, summary: &'static str, handler: H) -> Self
    where
        H: axum::handler::Handler<T, App>,
        T: 'static,
    {
        Self::new(Method::POST, path, id, summary, post(handler))
    }

    /// A route that ends something. Needs the role `viewer` unless changed.
    pub(crate) fn delete<H, T>(path: &'static str, id: &'static str, summary: &'static str, handler: H) -> Self
    where
        H: axum::handler::Handler<T, App>,
        T: 'static,
    {
        Self::new(Method::DELETE, path, id, summary, delete(handler))
    }

    /// Needs no credentials.
    pub(crate) fn without_credentials(mut self) -> Self {
        self.role = None;
        self
    }

    pub(crate) fn role(mut self, role: Role) -> Self {
        self.role = Some(role);
        self
    }

    pub(crate) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(T::json_schema);
        self
    }

    pub(crate) fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(SchemaGenerator::subschema_for::<T>);
        self
    }

    pub(crate) fn answers<T: JsonSchema>(mut self, status: u16) -> Self {
        self.answers.push((status, JSON, Some(SchemaGenerator::subschema_for::<T>)));
        self
    }

    /// Answers with 303 and the address in `Location`.
    pub(crate) fn redirects(mut self, where_to: &'static str) -> Self {
        self.redirect = Some(where_to);
        self
    }

    pub(crate) fn answers_text(mut self, media: &'static str) -> Self {
        self.answers.push((200, media, None));
        self
    }
}
