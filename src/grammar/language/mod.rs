//! The languages in which servers define their access logs: one file each, all compiled to the same
//! [`Piece`]s.
//!
//! A language says what a token of a definition is and what its variables mean; how tokens become a
//! grammar is here, once for all.

mod apache;
mod definition;
mod envoy;
mod gunicorn;
mod haproxy;
mod headers;
mod nginx;
mod squid;
mod uwsgi;
mod varnish;

pub use definition::{Definition, GrammarError, parse_definition};
pub use nginx::variable;

use nom::IResult;

use super::{Anchor, Escape, Field, Fields, Grammar, Meaning, Piece, Syntax, Texture, Variable};

/// A language of definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// nginx's `log_format`, and its descendants'; roles too (`$wait_ms`).
    #[default]
    Nginx,
    /// Apache's `LogFormat`.
    Apache,
    /// HAProxy's `log-format`.
    Haproxy,
    /// Envoy's and Istio's format strings.
    Envoy,
    /// gunicorn's `access_log_format`.
    Gunicorn,
    /// uWSGI's `log-format`.
    Uwsgi,
    /// varnishncsa's `-F`.
    Varnish,
    /// Squid's `logformat`.
    Squid,
}

impl Language {
    /// All languages.
    pub const ALL: [Language; 8] = [
        Language::Nginx,
        Language::Apache,
        Language::Haproxy,
        Language::Envoy,
        Language::Gunicorn,
        Language::Uwsgi,
        Language::Varnish,
        Language::Squid,
    ];

    /// The name in a grammar's file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Language::Nginx => "nginx",
            Language::Apache => "apache",
            Language::Haproxy => "haproxy",
            Language::Envoy => "envoy",
            Language::Gunicorn => "gunicorn",
            Language::Uwsgi => "uwsgi",
            Language::Varnish => "varnish",
            Language::Squid => "squid",
        }
    }

    /// The language of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Language> {
        Language::ALL
            .into_iter()
            .find(|language| language.name() == name)
    }

    /// What a definition of the server is called in its configuration.
    #[must_use]
    pub const fn directive(self) -> &'static str {
        match self {
            Language::Nginx => "log_format",
            Language::Apache => "LogFormat",
            Language::Haproxy => "log-format",
            Language::Envoy => "text_format_source",
            Language::Gunicorn => "access_log_format",
            Language::Uwsgi => "log-format",
            Language::Varnish => "varnishncsa -F",
            Language::Squid => "logformat",
        }
    }

    /// How the server writes what would end a value.
    #[must_use]
    pub const fn escape(self) -> Escape {
        match self {
            Language::Nginx => Escape::Default,
            Language::Apache | Language::Gunicorn | Language::Varnish => Escape::Backslash,
            Language::Haproxy => Escape::Hash,
            Language::Envoy | Language::Uwsgi | Language::Squid => Escape::None,
        }
    }

    /// Which moment the server's time stamp tells.
    const fn anchor(self) -> Anchor {
        match self {
            Language::Nginx | Language::Gunicorn | Language::Squid => Anchor::End,
            _ => Anchor::Start,
        }
    }

    /// Whether the server runs the application itself, so that its own time is the application's.
    const fn runs_the_application(self) -> bool {
        matches!(self, Language::Gunicorn | Language::Uwsgi)
    }

    /// The language that a bare definition is written in, by the marks that only one of them has.
    #[must_use]
    pub fn of(text: &str) -> Language {
        let has = |marks: &[&str]| marks.iter().any(|mark| text.contains(mark));
        if !text.contains('%') || nginx::speaks(text) {
            Language::Nginx
        } else if text.contains("%(") {
            if gunicorn::speaks(text) {
                Language::Gunicorn
            } else {
                Language::Uwsgi
            }
        } else if squid::speaks(text) {
            Language::Squid
        } else if envoy::speaks(text) {
            Language::Envoy
        } else if haproxy::speaks(text) {
            Language::Haproxy
        } else if has(&["%{Varnish:", "%{VCL_Log:", "%{VSL:"]) {
            Language::Varnish
        } else {
            Language::Apache
        }
    }
}

/// A token of a definition.
enum Token {
    /// What it stands for.
    Pieces(Vec<Piece>),
    /// It cannot be used: what is wrong and what to do.
    Wrong(String),
}

impl Token {
    fn text(text: &str) -> Token {
        Token::Pieces(vec![Piece::literal(text)])
    }

    fn value(variable: Variable) -> Token {
        Token::Pieces(vec![Piece::Value(variable)])
    }
}

/// What a language must be able to do: take the next token off a definition that is not empty. It
/// may keep what earlier tokens said (HAProxy's flags).
trait Dialect {
    fn token<'t>(&mut self, input: &'t str) -> IResult<&'t str, Token, ()>;
}

/// Whether a variable with an unknown name may be somebody's own (`set`, `map`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// A name that is near to a known one is taken for a typo.
    Checked,
    /// nginx has accepted them, as they come from its own configuration, or we have.
    Accepted,
}

/// Compiles an nginx format string; see [`Definition::compile`] for the other languages.
///
/// # Errors
/// As [`Definition::compile`].
pub fn compile(
    name: &str,
    text: &str,
    escape: Escape,
    names: Names,
) -> Result<Grammar, GrammarError> {
    let definition = Definition {
        name: Some(name.to_owned()),
        text: text.to_owned(),
        escape,
        language: Language::Nginx,
    };
    definition.compile(names)
}

impl Definition {
    /// Compiles the definition; one without a name is called `custom`.
    ///
    /// # Errors
    /// A variable that the language does not have, two texts with nothing between them to tell where
    /// one ends, a format without a variable of use, or one that names no request.
    pub fn compile(&self, names: Names) -> Result<Grammar, GrammarError> {
        let mut dialect: Box<dyn Dialect> = match self.language {
            Language::Nginx => Box::new(nginx::Nginx(names)),
            Language::Apache => Box::new(apache::Apache),
            Language::Haproxy => Box::new(haproxy::Haproxy::default()),
            Language::Envoy => Box::new(envoy::Envoy),
            Language::Gunicorn => Box::new(gunicorn::Gunicorn),
            Language::Uwsgi => Box::new(uwsgi::Uwsgi),
            Language::Varnish => Box::new(varnish::Varnish),
            Language::Squid => Box::new(squid::Squid),
        };
        let grammar = Grammar {
            name: self.name.clone().unwrap_or_else(|| "custom".to_owned()),
            definition: self.text.clone(),
            syntax: Syntax::Text(self.pieces(&mut *dialect)?, self.escape),
            language: Some(self.language),
            anchor: self.anchor(),
            requires: Fields::NONE,
            until: None,
            total_is_sum: self.language.runs_the_application(),
        };
        self.check(grammar)
    }

    /// The pieces of the tokens; literals that meet become one.
    fn pieces(&self, dialect: &mut dyn Dialect) -> Result<Vec<Piece>, GrammarError> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut input = self.text.as_str();
        while !input.is_empty() {
            let at = self.text.len() - input.len();
            let (left, token) = dialect.token(input).map_err(|_| {
                self.error(
                    at,
                    format!(
                        "what begins here is nothing that a {} may hold",
                        self.language.directive()
                    ),
                )
            })?;
            input = left;
            let next = match token {
                Token::Pieces(next) => next,
                Token::Wrong(message) => return Err(self.error(at, message)),
            };
            for piece in next {
                push(&mut pieces, piece).map_err(|(left, right)| {
                    self.error(at, format!("{left} and {right} have nothing between them, so their values cannot be told apart: put a space or quotes between them"))
                })?;
            }
        }
        Ok(pieces)
    }

    /// Apache can be told to write the end of the request (`%{end:…}t`).
    fn anchor(&self) -> Anchor {
        if self.language == Language::Apache && self.text.contains("%{end:") {
            Anchor::End
        } else {
            self.language.anchor()
        }
    }

    /// A format of use says something, and which request it says it of.
    fn check(&self, grammar: Grammar) -> Result<Grammar, GrammarError> {
        let fields = grammar.fields();
        if fields.is_empty() {
            return Err(self.error(0, "the format names no variable that slowpath knows: give an nginx log_format such as '$remote_addr [$time_local] \"$request\" $status', an Apache LogFormat such as '%h %t \"%r\" %>s %D', or the name of a built-in (see `slowpath formats`)".to_owned()));
        }
        if !fields.has(Field::Request) && !fields.has(Field::Target) {
            let needs = match self.language {
                Language::Nginx => "$request, $request_uri, $uri or $path",
                Language::Apache | Language::Varnish => "%r or %U",
                Language::Haproxy => "%r, %HU or %HP",
                Language::Envoy => "%REQ(:PATH)%",
                Language::Gunicorn => "%(r)s or %(U)s",
                Language::Uwsgi => "%(uri)",
                Language::Squid => "%ru or %rp",
            };
            return Err(self.error(
                0,
                format!("the format does not say which request a line is: it needs {needs}"),
            ));
        }
        Ok(grammar)
    }

    fn error(&self, at: usize, message: String) -> GrammarError {
        GrammarError {
            text: self.text.clone(),
            at,
            message,
        }
    }
}

/// Appends a piece. Literals that meet become one. Two values that touch are fine where the first
/// ends by itself; two texts that touch and mean nothing to the tool are one value, and so is a path
/// with its query; otherwise the pair is the error.
fn push(pieces: &mut Vec<Piece>, piece: Piece) -> Result<(), (String, String)> {
    match (pieces.last_mut(), piece) {
        (Some(Piece::Literal(last)), Piece::Literal(next)) => last.extend(next),
        // The blank after captured headers goes with them.
        (Some(Piece::Value(last)), Piece::Literal(next)) if last.texture == Texture::Captures => {
            let next = next.strip_prefix(b" ").unwrap_or(&next);
            if !next.is_empty() {
                pieces.push(Piece::Literal(next.to_vec()));
            }
        }
        (Some(Piece::Value(last)), Piece::Value(next))
            if !matches!(
                last.texture,
                Texture::Digits | Texture::Captures | Texture::Fixed(_)
            ) && next.texture != Texture::Padded =>
        {
            let is_target = |meaning: Meaning| meaning.field == Field::Target;
            // A path begins with a slash, and no host holds one.
            if last
                .meaning
                .is_some_and(|meaning| meaning.field == Field::Host)
                && next.meaning.is_some_and(is_target)
            {
                last.texture = Texture::Authority;
                pieces.push(Piece::Value(next));
                return Ok(());
            }
            if next.meaning.is_some() || last.meaning.is_some_and(|meaning| !is_target(meaning)) {
                return Err((last.shown(), next.shown()));
            }
            last.name = format!("{}{}", last.name, next.shown());
            last.texture = Texture::Text;
        }
        (_, piece) => pieces.push(piece),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces of a definition in the language that it is written in.
    fn pieces(text: &str) -> Vec<String> {
        let grammar = parse_definition(text)
            .unwrap()
            .compile(Names::Checked)
            .unwrap();
        let Syntax::Text(pieces, _) = grammar.syntax else {
            unreachable!()
        };
        pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => String::from_utf8(text.clone()).unwrap(),
                Piece::Value(variable) => match variable.meaning {
                    Some(meaning) => format!("<{}: {:?}>", variable.name, meaning.field),
                    None => format!("<{}>", variable.name),
                },
            })
            .collect()
    }

    #[test]
    fn both_forms_of_nginx_variables_are_read() {
        assert_eq!(
            pieces("[$time_local] ${request}x"),
            ["[", "<time_local: Stamp>", "] ", "<request: Request>", "x"]
        );
    }

    #[test]
    fn apache_is_read() {
        assert_eq!(
            pieces(r#"%h %t "%r" %>s %^FB %{ms}T %{X-Runtime}o %!200,304{Referer}i %%%U%q"#),
            [
                "<%h: RemoteAddr>",
                " [",
                "<%t: Stamp>",
                "] \"",
                "<%r: Request>",
                "\" ",
                "<%>s: Status>",
                " ",
                "<%^FB: FirstByte>",
                " ",
                "<%{ms}T: Total>",
                " ",
                "<%{X-Runtime}o: App>",
                " ",
                "<%!200,304{Referer}i: Referer>",
                " %",
                "<%U%q: Target>",
            ]
        );
        assert_eq!(
            pieces("%{%d/%b/%Y:%T %z}t %{usec}t %r")[0],
            "<%{%d/%b/%Y:%T %z}t: Stamp>"
        );
        assert_eq!(pieces("%{%H}t %r")[0], "<%{%H}t>");
    }

    #[test]
    fn haproxy_flags_put_quotes_around_texts() {
        assert_eq!(
            pieces("%{+Q}o %{-Q}ci [%tr] %TR/%Tw %hr %hs %r %ST %b"),
            [
                "<%ci: RemoteAddr>",
                " [",
                "<%tr: Stamp>",
                "] ",
                "<%TR: Client>",
                "/",
                "<%Tw: Wait>",
                " ",
                "<%hr>",
                "<%hs>",
                "\"",
                "<%r: Request>",
                "\" ",
                "<%ST: Status>",
                " \"",
                "<%b>",
                "\"",
            ]
        );
        assert_eq!(
            pieces("%HM %HU %[res.hdr(X-Runtime)] %{+Q,-E}[req.hdr(Host),lower]")[4..],
            [
                "<%[res.hdr(X-Runtime)]: App>",
                " ",
                "<%[req.hdr(Host),lower]: Host>"
            ]
        );
    }

    #[test]
    fn envoy_gunicorn_uwsgi_and_varnish_are_read() {
        assert_eq!(
            pieces(
                "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH):9% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% %DURATION%\n"
            ),
            [
                "<%REQ(X-ENVOY-ORIGINAL-PATH?:PATH):9%: Target>",
                " ",
                "<%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%: Server>",
                " ",
                "<%DURATION%: Total>",
            ]
        );
        assert_eq!(
            pieces("%(t)s %(r)s %(M)s %({x-request-start}i)s %({x-runtime}o)s"),
            [
                "[",
                "<%(t)s: Stamp>",
                "] ",
                "<%(r)s: Request>",
                " ",
                "<%(M)s: App>",
                " ",
                "<%({x-request-start}i)s: QueuedSince>",
                " ",
                "<%({x-runtime}o)s: App>",
            ]
        );
        assert_eq!(
            pieces("%(uri) %(msecs) %(var.HTTP_X_REQUEST_START) 5%"),
            [
                "<%(uri): Target>",
                " ",
                "<%(msecs): App>",
                " ",
                "<%(var.HTTP_X_REQUEST_START): QueuedSince>",
                " 5%",
            ]
        );
        assert_eq!(
            pieces("%r %D %{Varnish:time_firstbyte}x %{Varnish:handling}x"),
            [
                "<%r: Request>",
                " ",
                "<%D: Total>",
                " ",
                "<%{Varnish:time_firstbyte}x: FirstByte>",
                " ",
                "<%{Varnish:handling}x: CacheStatus>",
            ]
        );
    }

    #[test]
    fn what_a_language_does_not_have_is_an_error() {
        let error = |language, text: &str| {
            let definition = Definition {
                name: None,
                text: text.to_owned(),
                escape: Escape::Default,
                language,
            };
            definition.compile(Names::Checked).unwrap_err()
        };
        assert_eq!(error(Language::Apache, "%r %").at, 3);
        assert_eq!(error(Language::Gunicorn, "%(r)s %h").at, 6);
        assert_eq!(error(Language::Envoy, "%REQ(:PATH)% %x").at, 13);
        assert_eq!(error(Language::Haproxy, "%r %1").at, 3);
        assert_eq!(
            error(Language::Haproxy, "%ci %ST").message,
            "the format does not say which request a line is: it needs %r, %HU or %HP"
        );
        assert!(
            error(Language::Apache, "%r%D")
                .message
                .contains("%r and %D")
        );
    }

    #[test]
    fn errors_point_at_the_place() {
        let error = compile(
            "x",
            "$remote_addr \"$requst\" $status",
            Escape::Default,
            Names::Checked,
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown variable $requst: did you mean $request?\n  $remote_addr \"$requst\" $status\n                ^"
        );
        assert_eq!(
            compile("x", "$request $", Escape::Default, Names::Checked)
                .unwrap_err()
                .at,
            9
        );
        assert_eq!(
            compile("x", "$status", Escape::Default, Names::Checked)
                .unwrap_err()
                .at,
            0
        );
    }

    #[test]
    fn touching_values_are_told_apart_or_refused() {
        assert_eq!(
            pieces("$request $status$foo_bar_x"),
            ["<request: Request>", " ", "<status: Status>", "<foo_bar_x>"]
        );
        assert_eq!(
            pieces("$request $upstream_host$upstream_uri"),
            ["<request: Request>", " ", "<upstream_host$upstream_uri>"]
        );
        assert_eq!(pieces("$uri$is_args$args"), ["<uri$is_args$args: Target>"]);
        assert_eq!(
            pieces("$scheme://$host$request_uri"),
            ["<scheme>", "://", "<host: Host>", "<request_uri: Target>"]
        );
        assert!(compile("x", "$request$status", Escape::Default, Names::Checked).is_err());
    }
}
