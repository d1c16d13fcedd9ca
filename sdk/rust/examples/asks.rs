//! A plugin that fetches, when it is configured, which teams there are, and drops the series of all others. It needs the grant `http`.

use weir_sdk::http::Request;
use weir_sdk::{Error, Labels, Plugin, Series, SeriesBatch};

struct Teams {
    known: Vec<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    url: String,
}

impl Plugin for Teams {
    type Config = Config;

    fn new(config: Config) -> Result<Self, Error> {
        let answer = Request::get(config.url).header("accept", "text/csv").send()?;
        if !answer.is_success() {
            return Err(format!("no teams: {}", answer.status).into());
        }
        Ok(Self { known: answer.text()?.split(',').map(|team| team.trim().to_owned()).collect() })
    }
}

impl Series for Teams {
    fn wants(&self) -> Labels {
        Labels::named(["team"])
    }

    fn relabel(&self, batch: &SeriesBatch<'_>) -> Result<(), Error> {
        for row in batch.rows() {
            if row.label("team").is_some_and(|team| !self.known.iter().any(|known| known == team)) {
                row.drop();
            }
        }
        Ok(())
    }
}

weir_sdk::export!(Teams: Series);

#[cfg(test)]
mod tests {
    use super::*;
    use weir_sdk::http::Response;
    use weir_sdk::testing::{self, labels};

    #[test]
    fn series_of_unknown_teams_end() {
        let csv = Response { status: 200, headers: vec![], body: b"red, blue".to_vec() };
        testing::answer("http://teams.example/csv", csv);
        let teams: Teams = testing::configure(r#"{"url": "http://teams.example/csv"}"#).unwrap();
        let kept = testing::series(&teams, [labels([("team", "red")]), labels([("team", "green")])]).unwrap();
        assert_eq!(kept, [Some(labels([("team", "red")])), None]);
        assert_eq!(testing::requests()[0].headers, [("accept".to_owned(), "text/csv".to_owned())]);
        let refused = testing::configure::<Teams>(r#"{"url": "http://other.example/"}"#).err().unwrap();
        assert_eq!(refused.to_string(), "requests to other.example are not granted");
    }
}
