//! https: the original never verified a certificate, so on its command line nothing is, which is said; unless
//! verification is asked for.

use std::fs;

use crate::eventlistener::EventListener;
use crate::fixture::Stage;
use crate::site::Site;

#[test]
fn certificates_are_verified_when_asked_for() {
    let (site, pem) = Site::self_signed(vec!["127.0.0.1".to_owned()]);
    let (stranger, _) = Site::self_signed(vec!["other.example".to_owned()]);
    let stage = Stage::with("httpok=RUNNING web=RUNNING");
    fs::write(stage.dir().join("ca.pem"), pem).unwrap();
    let cases = [
        (&site, &[][..], true),
        (&stranger, &[], true),
        (&site, &["--verify"], false),
        (&site, &["--cacert", "DIR/ca.pem"], true),
        (&stranger, &["--cacert", "DIR/ca.pem"], false),
    ];
    for (site, options, good) in cases {
        let url = format!("{}/ok", site.origin());
        let restarts = stage.supervisord.count("start");
        let words = [options, &["-p", "web", &url]].concat();
        let mut listener = EventListener::start(&mut stage.httpok(&words));
        (0..3).for_each(|_| listener.tick());
        let said = listener.close().err;
        let unverified =
            format!("httpok: the certificate of {url} is not verified; --verify does that\n");
        if options.is_empty() {
            assert_eq!(said, unverified, "once");
        } else if good {
            assert_eq!(said, "", "{words:?}");
        } else {
            assert!(
                said.starts_with(&format!("error contacting {url}:\n\n ")),
                "{said}"
            );
            assert!(said.to_lowercase().contains("certificate"), "{said}");
        }
        assert_eq!(
            stage.supervisord.count("start") > restarts,
            !good,
            "{words:?}: {said}"
        );
    }
}
