//! The Model Context Protocol, message by message.

use std::sync::Arc;

use automap_server::mcp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fake::FakeSystem;
use super::server::Server;

/// Sends lines and reads the replies.
fn talk(system: &FakeSystem, lines: &[String]) -> Vec<Value> {
    let mut output = Vec::new();
    mcp::serve(lines.join("\n").as_bytes(), &mut output, system, system.store.as_ref()).unwrap();
    String::from_utf8(output).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn system() -> Arc<FakeSystem> {
    Server::idle(automap_server::api::ApiConfig::default()).system
}

fn call(id: u32, name: &str, arguments: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "arguments": arguments}})
        .to_string()
}

#[test]
fn a_session_starts_with_an_agreed_version() {
    let start = |version: &str| {
        let params =
            json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).to_string()
    };
    let done = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    let replies = talk(&system(), &[start("2024-11-05"), done, String::new(), start("1999-01-01")]);
    assert_eq!(replies.len(), 2, "a notification is not answered");
    assert_eq!(replies[0]["result"]["protocolVersion"], "2024-11-05");
    assert_eq!(replies[1]["result"]["protocolVersion"], "2025-11-25", "the client decides whether ours will do");
    assert!(replies[0]["result"]["capabilities"]["tools"].is_object());
}

#[test]
fn tools_are_described_and_read_only() {
    let list = json!({"jsonrpc": "2.0", "id": "a", "method": "tools/list"}).to_string();
    let reply = &talk(&system(), &[list])[0];
    assert_eq!(reply["id"], "a");
    let tools = reply["result"]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().map(|t| t["name"].as_str().unwrap()).collect();
    for name in ["list_incidents", "diagnose", "explain", "graph", "compare"] {
        assert!(names.contains(&name), "{name}");
    }
    for tool in tools {
        assert_eq!(
            (&tool["inputSchema"]["type"], &tool["annotations"]["readOnlyHint"]),
            (&json!("object"), &json!(true))
        );
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{}", tool["name"]);
        assert!(!tool["inputSchema"].to_string().contains("$ref"), "schemas stand alone: {}", tool["inputSchema"]);
    }
}

#[test]
fn every_tool_answers() {
    let hour = |h: u32| format!("2025-11-23T{h}:00:00Z");
    let period = |h: u32| json!({"start": hour(h), "end": hour(h + 1)});
    let calls = [
        call(1, "list_incidents", &json!({"state": "open", "target": "shop"})),
        call(2, "get_incident", &json!({"incident": "shop-4"})),
        call(3, "list_targets", &json!({})),
        call(4, "diagnose", &json!({"target": "shop"})),
        call(5, "explain", &json!({"incident": "shop-4", "service": "payment"})),
        call(6, "graph", &json!({"incident": "shop-4"})),
        call(7, "compare", &json!({"target": "shop", "before": period(13), "after": period(14)})),
    ];
    let replies = talk(&system(), &calls);
    for (reply, pointer, expected) in [
        (&replies[0], "/incidents/0/id", "shop-4"),
        (&replies[1], "/diagnosis/verdict/service", "payment"),
        (&replies[2], "/targets/0/target", "shop"),
        (&replies[3], "/causes/0/evidence/0", "orders→payment latency 4 → 312 ms"),
        (&replies[4], "/service", "payment"),
        (&replies[5], "/nodes/0/service", "front-end"),
        (&replies[6], "/periods/0/source", "shop"),
    ] {
        let result = &reply["result"];
        assert_eq!(result["isError"], false, "{reply}");
        assert_eq!(result["structuredContent"].pointer(pointer), Some(&json!(expected)), "{reply}");
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, result["structuredContent"]);
    }
}

#[test]
fn invalid_calls_are_errors_and_failed_calls_are_answers() {
    let lines = [
        "{".to_owned(),
        "[]".to_owned(),
        json!({"jsonrpc": "1.0", "id": 1, "method": "ping"}).to_string(),
        json!({"jsonrpc": "2.0", "id": null, "method": "ping"}).to_string(),
        json!({"jsonrpc": "2.0", "id": 2, "method": "resources/list"}).to_string(),
        call(3, "delete_everything", &json!({})),
        call(4, "graph", &json!({})),
        call(5, "diagnose", &json!({"target": "shop", "url": "http://169.254.169.254"})),
        "x".repeat((1 << 20) + 1),
        json!({"jsonrpc": "2.0", "id": 6, "method": "ping"}).to_string(),
    ];
    let replies = talk(&system(), &lines);
    let codes: Vec<i64> = replies.iter().filter_map(|r| r["error"]["code"].as_i64()).collect();
    assert_eq!(codes, [-32700, -32600, -32600, -32600, -32601, -32602, -32602, -32602, -32600]);
    assert_eq!(replies.last().unwrap()["result"], json!({}), "it goes on after each of them");
    let replies = talk(
        &system(),
        &[call(1, "graph", &json!({"incident": "none"})), call(2, "diagnose", &json!({"target": "bank"}))],
    );
    for reply in replies {
        assert_eq!(reply["result"]["isError"], true);
        assert!(!reply["result"]["content"][0]["text"].as_str().unwrap().is_empty());
    }
}

#[test]
fn ids_that_cannot_be_sent_back_exactly_are_refused_and_nothing_long_is_echoed() {
    let ping = |id: &Value| json!({"jsonrpc": "2.0", "id": id, "method": "ping"}).to_string();
    let long = "x".repeat(1_000_000);
    let mut lines: Vec<String> = [
        json!(long),
        json!([[[1]]]),
        json!({"a": {"b": 1}}),
        json!(9_007_199_254_740_993_u64),
        json!(1.5),
        json!(-9_007_199_254_740_993_i64),
    ]
    .iter()
    .map(ping)
    .collect();
    lines.push(r#"{"jsonrpc":"2.0","id":1e400,"method":"ping"}"#.to_owned());
    lines.push(r#"{"jsonrpc":"2.0","id":123456789012345678901234567890,"method":"ping"}"#.to_owned());
    lines.push(json!({"jsonrpc": "2.0", "id": 1, "method": long}).to_string());
    lines.push(call(2, &long, &json!({})));
    lines.push(call(3, "graph", &json!({"incident": "shop\u{0}"})));
    lines.push(call(4, "graph", &json!({ long.as_str(): 1 })));
    let replies = talk(&system(), &lines);
    assert_eq!(replies.len(), lines.len());
    for reply in &replies {
        assert!(reply["error"]["code"].is_i64(), "{reply}");
        assert!(reply.to_string().len() < 2_000, "{} bytes", reply.to_string().len());
    }
    for id in [json!("a"), json!(0), json!(-7), json!(9_007_199_254_740_992_u64)] {
        assert_eq!(talk(&system(), &[ping(&id)])[0]["id"], id);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_input_ends_the_session(bytes in proptest::collection::vec(any::<u8>(), 0..200), name in ".{0,20}", value in ".{0,20}") {
        let system = system();
        let mut input = bytes;
        for tail in [
            "\n".to_owned(),
            call(1, &name, &json!({"incident": value})) + "\n",
            call(2, "graph", &json!({ "incident": value, name.as_str(): value })) + "\n",
            json!({"jsonrpc": "2.0", "id": "last", "method": "ping"}).to_string(),
        ] {
            input.extend(tail.bytes());
        }
        let mut output = Vec::new();
        mcp::serve(&input[..], &mut output, system.as_ref(), system.store.as_ref()).unwrap();
        let last: Value = serde_json::from_str(std::str::from_utf8(&output).unwrap().lines().last().unwrap()).unwrap();
        prop_assert_eq!(&last["id"], "last");
    }
}
