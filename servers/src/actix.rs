//! Actix-web. Its own middleware does gzip.

use std::{io, net::TcpListener};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, body,
    http::{StatusCode, header::ACCEPT},
    middleware::Compress,
    rt::System,
    web,
};
use tachometer::{PageOptions, Registry, http};

/// To be called by the program's `App::configure`.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource(["/metrics", "/metrics/"]).to(metrics));
}

async fn metrics(registry: web::Data<Registry>, request: HttpRequest) -> HttpResponse {
    // There may be several lines of it.
    let accept = request.headers().get_all(ACCEPT).filter_map(|line| line.to_str().ok());
    let accept = accept.collect::<Vec<_>>().join(",");
    let (method, path, query) = (request.method().as_str(), request.path(), request.query_string());
    let answer = http::respond(&registry, &PageOptions::new(), method, path, query, &accept);
    let status = StatusCode::from_u16(answer.status).expect("it is one of three");
    let mut response = HttpResponse::build(status);
    for header in answer.headers {
        response.insert_header(header);
    }
    if method == "HEAD" {
        return response.body(body::None::new()); // any other would have the length 0, which isn't the page's
    }
    response.body(answer.body)
}

/// Serves nothing else.
pub fn serve(listener: TcpListener, registry: Registry) -> io::Result<()> {
    let registry = web::Data::new(registry);
    let app = move || App::new().app_data(registry.clone()).wrap(Compress::default()).configure(routes);
    let server = HttpServer::new(app).workers(1).disable_signals().listen(listener)?;
    System::new().block_on(server.run())
}
