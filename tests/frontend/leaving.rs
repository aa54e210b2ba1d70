//! Clients that leave.

use crate::{
    page::Page,
    server::{Asked, COMPLETIONS, ENDLESS, Server, read},
};

/// Requests that an engine runs at the same time.
const SLOTS: usize = 4;

#[test]
fn a_client_that_leaves_while_tokens_stream_is_counted_once_as_aborted() {
    let server = Server::start();
    let mut stream = server.send(&Asked { words: 100_000, ..Asked::default() });
    read(&mut stream, 5);
    assert_eq!(server.page().sum("frontend:requests_in_flight", &[]), 1.0);
    drop(stream);
    let page = server.idle();
    assert_eq!([page.ended("abort"), page.sum("vllm:request_success_total", &[])], [1.0; 2]);
    assert_eq!(page.phases(), [1.0; 8]);
    let sent = page.sum("vllm:request_generation_tokens_sum", &[]);
    let generated = page.sum("vllm:generation_tokens_total", &[]);
    assert!(5.0 <= sent && sent <= generated && generated < ENDLESS as f64, "{sent} sent, {generated} generated");
    assert_eq!(page.sum("vllm:inter_token_latency_seconds_count", &[]), sent - 1.0);
    assert_eq!(page.sum("vllm:prompt_tokens_total", &[]), ENDLESS as f64);
    let http = [("handler", COMPLETIONS)];
    server.page_once(|page| page.sum("http_request_duration_seconds_count", &http) == 1.0);
    assert_eq!(page.sum("http_requests_total", &http), 1.0);
}

#[test]
fn a_client_that_leaves_while_it_is_queued_is_counted_once_as_aborted() {
    let server = Server::start();
    let running: Vec<_> = (0..SLOTS).map(|_| server.send(&Asked::default())).collect();
    server.page_once(|page| page.sum("vllm:num_requests_running", &[]) == SLOTS as f64);
    let queued = [true, false, true].map(|stream| server.send(&Asked { words: 7, stream, ..Asked::default() }));
    server.page_once(|page| page.sum("vllm:num_requests_waiting", &[]) == 3.0);
    drop(queued);
    let page = server.page_once(|page| page.busy() == SLOTS as f64);
    assert_eq!(page.sum("frontend:requests_in_flight", &[]), SLOTS as f64);
    assert_eq!([page.ended("abort"), page.sum("vllm:request_success_total", &[])], [3.0; 2]);
    assert_eq!(page.phases()[..4], [3.0, 3.0, 0.0, 0.0], "they never ran");
    drop(running);
    let page = server.idle();
    let all = SLOTS as f64 + 3.0;
    assert_eq!([page.ended("abort"), page.sum("vllm:request_success_total", &[])], [all; 2]);
    assert_eq!(page.phases()[..4], [all, all, SLOTS as f64, SLOTS as f64]);
    assert_eq!(page.sum("vllm:prompt_tokens_total", &[]), (SLOTS * ENDLESS) as f64);
    assert_eq!(page.sum("vllm:request_prompt_tokens_sum", &[]), (SLOTS * ENDLESS + 21) as f64);
}

#[test]
fn clients_that_leave_at_once_are_counted_at_most_once() {
    const REQUESTS: usize = 200;
    let server = Server::start();
    let asked = Asked { words: 100, ..Asked::default() };
    (0..REQUESTS).for_each(|_| drop(server.send(&asked)));
    // A connection may be gone before its request is looked at. What was counted of the others
    // agrees in the end.
    let agrees = |page: &Page| {
        let ended = page.sum("vllm:request_success_total", &[]);
        let prompt_tokens = page.sum("vllm:request_prompt_tokens_sum", &[]);
        page.phases()[..2] == [ended; 2] && prompt_tokens == 100.0 * ended && ended <= REQUESTS as f64
    };
    server.page_once(|page| page.sum("frontend:requests_in_flight", &[]) + page.busy() == 0.0 && agrees(page));
}
