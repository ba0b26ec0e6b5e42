//! From the parsed file to its typed form. Nothing is reported here: what [`check`](super::check) reported is left out.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::{Number, entries, is_identifier, join, number};
use super::text;
use super::types::*;
use crate::diag::{File, Text};

/// The whole file.
pub(super) fn model(file: &Arc<File>, document: &DeTable<'_>) -> ModelFile {
    let top = Fields { file, place: String::new(), range: 0..0, table: document };
    let settings = top.fields("settings");
    let mut runs: Vec<Run> = top.tables("runs").iter().filter_map(run).collect();
    if runs.is_empty() && !document.get("runs").is_some_and(|runs| has_elements(runs.get_ref())) {
        let duration = settings.as_ref().and_then(|settings| settings.value("duration"));
        runs.extend(duration.map(|duration| Run { duration, set: Vec::new() }));
    }
    ModelFile {
        file: file.clone(),
        name: top.text("name"),
        settings: Settings {
            dt: settings.as_ref().and_then(|settings| settings.value("dt")),
            seed: settings
                .as_ref()
                .and_then(|settings| settings.integer("seed"))
                .and_then(|seed| Some(Located { value: u32::try_from(seed.value).ok()?, text: seed.text })),
        },
        constants: top.values("constants"),
        timed_arrays: top.objects("timed_arrays", timed_array),
        functions: top.objects("functions", function),
        groups: top.objects("groups", group),
        synapses: top.objects("synapses", synapses),
        poisson_inputs: top.objects("poisson_inputs", poisson_input),
        monitors: top.objects("monitors", monitor),
        runs,
    }
}

fn has_elements(value: &DeValue<'_>) -> bool {
    value.as_array().is_none_or(|array| !array.is_empty())
}

fn timed_array(name: Text, fields: &Fields<'_>) -> Option<TimedArray> {
    Some(TimedArray { name, values: fields.samples("values")?, unit: fields.value("unit"), dt: fields.value("dt")? })
}

fn function(name: Text, fields: &Fields<'_>) -> Option<Function> {
    Some(Function {
        name,
        args: fields.texts("args")?,
        arg_units: fields.list("arg_units", |place, value| fields.value_of(place, value)),
        unit: fields.value("unit"),
        expression: fields.text("expression")?,
    })
}

fn group(name: Text, fields: &Fields<'_>) -> Option<Group> {
    let kind = match fields.str("kind").unwrap_or("neurons") {
        "neurons" => GroupKind::Neurons(Neurons {
            n: fields.integer("N")?,
            equations: fields.text("equations")?,
            threshold: fields.text("threshold"),
            reset: fields.text("reset"),
            refractory: fields.value("refractory"),
            method: fields.text("method"),
            dt: fields.value("dt"),
            events: fields.strings("events"),
            on_event: fields.strings("on_event"),
            run_regularly: fields.tables("run_regularly").iter().filter_map(operation).collect(),
            init: fields.values("init"),
        }),
        "subgroup" => GroupKind::Subgroup(Subgroup {
            of: fields.text("of")?,
            start: fields.integer("start")?,
            stop: fields.integer("stop")?,
            init: fields.values("init"),
        }),
        "poisson" => GroupKind::Poisson(Poisson {
            n: fields.integer("N")?,
            rates: fields.value("rates")?,
            dt: fields.value("dt"),
        }),
        "spike_generator" => GroupKind::SpikeGenerator(SpikeGenerator {
            n: fields.integer("N")?,
            indices: fields.integers("indices")?,
            times_seconds: fields.numbers("times")?,
            period: fields.value("period"),
            dt: fields.value("dt"),
        }),
        _ => return None,
    };
    Some(Group { name, kind })
}

fn order(fields: &Fields<'_>) -> Option<i32> {
    fields.integer("order").and_then(|order| i32::try_from(order.value).ok())
}

fn pathway(name: Text, fields: &Fields<'_>) -> Option<Pathway> {
    let active = fields.boolean("active").unwrap_or(true);
    Some(Pathway { name, when: fields.text("when"), order: order(fields), active })
}

fn operation(fields: &Fields<'_>) -> Option<Operation> {
    Some(Operation {
        code: fields.text("code")?,
        dt: fields.value("dt"),
        when: fields.text("when"),
        order: order(fields).unwrap_or(0),
    })
}

fn synapses(name: Text, fields: &Fields<'_>) -> Option<Synapses> {
    let source = fields.text("source")?;
    let mut connect: Vec<Connect> = fields.tables("connect").iter().map(connect).collect();
    // A list without an entry has been reported.
    if connect.is_empty() {
        connect.push(Connect {
            text: name.clone(),
            condition: None,
            i: None,
            j: None,
            p: None,
            n: None,
            skip_if_invalid: false,
        });
    }
    Some(Synapses {
        target: fields.text("target").unwrap_or_else(|| source.clone()),
        source,
        equations: fields.text("equations"),
        on_pre: fields.pathways("on_pre", "pre")?,
        on_post: fields.pathways("on_post", "post")?,
        on_event: fields.text("on_event"),
        on_events: fields.strings("on_event"),
        pathways: fields.objects("pathways", pathway),
        order: order(fields).unwrap_or(0),
        method: fields.text("method"),
        delay: match fields.value("delay") {
            Some(delay) => vec![(fields.implied("delay", "pre"), delay)],
            None => fields.values("delay"),
        },
        // What is no name has been reported.
        multisynaptic_index: fields.text("multisynaptic_index").filter(|name| is_identifier(name.as_str())),
        dt: fields.value("dt"),
        connect,
        run_regularly: fields.tables("run_regularly").iter().filter_map(operation).collect(),
        init: fields.values("init"),
        name,
    })
}

fn connect(fields: &Fields<'_>) -> Connect {
    let indices = |key: &str| match fields.integers(key) {
        Some(list) => Some(Indices::List(list)),
        None => fields.text(key).map(Indices::Generated),
    };
    let (i, j) = (indices("i"), indices("j"));
    // What is no list of numbers has been reported, and nothing is wrong with the other one because of that.
    let is_wrong = |key: &str, indices: &Option<Indices>| indices.is_none() && fields.table.get(key).is_some();
    let (i, j) = if is_wrong("i", &i) || is_wrong("j", &j) { (None, None) } else { (i, j) };
    Connect {
        text: text::as_written(fields.file, &fields.place, fields.range.clone()),
        condition: fields.value("condition"),
        i,
        j,
        p: fields.value("p"),
        n: fields.value("n"),
        skip_if_invalid: fields.boolean("skip_if_invalid") == Some(true),
    }
}

fn poisson_input(name: Text, fields: &Fields<'_>) -> Option<PoissonInput> {
    Some(PoissonInput {
        name,
        target: fields.text("target")?,
        variable: fields.text("variable")?,
        n: fields.integer("N")?,
        rate: fields.value("rate")?,
        weight: fields.value("weight")?,
    })
}

fn monitor(name: Text, fields: &Fields<'_>) -> Option<Monitor> {
    let variables = fields.texts("variables").or_else(|| fields.text("variables").map(|one| vec![one]));
    let kind = match fields.str("kind")? {
        "spikes" => MonitorKind::Spikes { variables: variables.unwrap_or_default() },
        "event" => MonitorKind::Event { event: fields.text("event")?, variables: variables.unwrap_or_default() },
        "state" => MonitorKind::State {
            variables: match fields.boolean("variables") {
                Some(true) => None,
                Some(false) => Some(Vec::new()),
                None => Some(variables?),
            },
            record: match fields.boolean("record") {
                Some(true) => None,
                Some(false) => fields.located("record").map(|text| Located { value: Vec::new(), text }),
                None => fields.integers("record"),
            },
            dt: fields.value("dt"),
            when: fields.text("when"),
        },
        "rate" => MonitorKind::Rate,
        _ => return None,
    };
    Some(Monitor { name, source: fields.text("source")?, kind })
}

fn run(fields: &Fields<'_>) -> Option<Run> {
    Some(Run { duration: fields.value("duration")?, set: fields.tables("set").iter().filter_map(change).collect() })
}

fn change(fields: &Fields<'_>) -> Option<Change> {
    let selection = if fields.table.get("where").is_none() {
        Selection::All
    } else if let Some(condition) = fields.text("where") {
        Selection::Condition(condition)
    } else if let Some(indices) = fields.integers("where") {
        Selection::Indices(indices)
    } else {
        Selection::Mask(fields.booleans("where")?)
    };
    Some(Change {
        target: fields.text("target")?,
        name: fields.text("name")?,
        selection,
        value: fields.value("value")?,
    })
}

/// A table of the file and its place.
pub(super) struct Fields<'a> {
    file: &'a Arc<File>,
    place: String,
    range: Range<usize>,
    table: &'a DeTable<'a>,
}

impl<'a> Fields<'a> {
    fn get(&self, key: &str) -> Option<(String, &'a Spanned<DeValue<'a>>)> {
        Some((join(&self.place, key), self.table.get(key)?))
    }

    fn of(&self, place: &str, value: &'a Spanned<DeValue<'a>>) -> Option<Fields<'a>> {
        let table = value.get_ref().as_table()?;
        Some(Fields { file: self.file, place: place.to_string(), range: value.span(), table })
    }

    fn fields(&self, key: &str) -> Option<Fields<'a>> {
        let (place, value) = self.get(key)?;
        self.of(&place, value)
    }

    /// The elements of a list that are tables.
    fn tables(&self, key: &str) -> Vec<Fields<'a>> {
        self.list(key, |place, value| self.of(place, value)).unwrap_or_default()
    }

    /// The named tables of a table, made into what they describe.
    fn objects<T>(&self, key: &str, make: impl Fn(Text, &Fields<'a>) -> Option<T>) -> Vec<T> {
        self.named(key, |name, place, value| make(name, &self.of(place, value)?))
    }

    fn named<T>(&self, key: &str, make: impl Fn(Text, &str, &'a Spanned<DeValue<'a>>) -> Option<T>) -> Vec<T> {
        let Some(Fields { place, table, .. }) = self.fields(key) else { return Vec::new() };
        let each = entries(table).into_iter().filter_map(|(name, value)| {
            let place = join(&place, name.get_ref());
            make(text::of_string(self.file, &place, name.span(), name.get_ref()), &place, value)
        });
        each.collect()
    }

    /// The entries of a table whose values are values.
    fn values(&self, key: &str) -> Vec<Entry> {
        self.named(key, |name, place, value| Some((name, self.value_of(place, value)?)))
    }

    /// The entries of a table whose values are strings.
    fn strings(&self, key: &str) -> Vec<(Text, Text)> {
        self.named(key, |name, place, value| Some((name, self.text_of(place, value)?)))
    }

    /// Named statements, or a lone string, which goes by the name `implied`; `None` if it is neither.
    fn pathways(&self, key: &str, implied: &str) -> Option<Vec<(Text, Text)>> {
        match self.table.get(key).map(Spanned::get_ref) {
            None => Some(Vec::new()),
            Some(DeValue::String(_)) => Some(vec![(self.implied(key, implied), self.text(key)?)]),
            Some(DeValue::Table(_)) => Some(self.strings(key)),
            Some(_) => None,
        }
    }

    fn implied(&self, key: &str, name: &str) -> Text {
        let range = self.table.get_key_value(key).map_or(0..0, |(key, _)| key.span());
        text::implied(self.file, &join(&self.place, key), name, &range)
    }

    fn located(&self, key: &str) -> Option<Text> {
        let (place, value) = self.get(key)?;
        Some(text::as_written(self.file, &place, value.span()))
    }

    fn str(&self, key: &str) -> Option<&'a str> {
        self.table.get(key)?.get_ref().as_str()
    }

    fn text(&self, key: &str) -> Option<Text> {
        let (place, value) = self.get(key)?;
        self.text_of(&place, value)
    }

    fn text_of(&self, place: &str, value: &Spanned<DeValue<'_>>) -> Option<Text> {
        Some(text::of_string(self.file, place, value.span(), value.get_ref().as_str()?))
    }

    fn value(&self, key: &str) -> Option<Value> {
        let (place, value) = self.get(key)?;
        self.value_of(&place, value)
    }

    fn value_of(&self, place: &str, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        let scalar = match (value.get_ref(), number(value.get_ref())) {
            (DeValue::String(_), _) => {
                return Some(Located { value: Scalar::Expression, text: self.text_of(place, value)? });
            }
            (DeValue::Boolean(boolean), _) => Scalar::Boolean(*boolean),
            (_, Some(Number::Integer(integer))) => Scalar::Integer(integer),
            (_, Some(Number::Float(float))) => Scalar::Float(float),
            _ => return None,
        };
        Some(Located { value: scalar, text: text::as_written(self.file, place, value.span()) })
    }

    fn boolean(&self, key: &str) -> Option<bool> {
        self.table.get(key)?.get_ref().as_bool()
    }

    fn integer(&self, key: &str) -> Option<Located<i64>> {
        let value = integer_of(self.table.get(key)?)?;
        Some(Located { value, text: self.located(key)? })
    }

    /// A list of integers; a lone integer is a list of one.
    fn integers(&self, key: &str) -> Option<Located<Vec<i64>>> {
        match self.integer(key) {
            Some(one) => Some(Located { value: vec![one.value], text: one.text }),
            None => self.scalars(key, integer_of),
        }
    }

    fn numbers(&self, key: &str) -> Option<Located<Vec<f64>>> {
        self.scalars(key, float_of)
    }

    fn booleans(&self, key: &str) -> Option<Located<Vec<bool>>> {
        self.scalars(key, |value| value.get_ref().as_bool())
    }

    fn texts(&self, key: &str) -> Option<Vec<Text>> {
        self.list(key, |place, value| self.text_of(place, value))
    }

    /// The elements of a list that `make` can make something of.
    fn list<T>(&self, key: &str, make: impl Fn(&str, &'a Spanned<DeValue<'a>>) -> Option<T>) -> Option<Vec<T>> {
        let (place, value) = self.get(key)?;
        let elements = value.get_ref().as_array()?.iter().enumerate();
        Some(elements.filter_map(|(k, element)| make(&format!("{place}[{k}]"), element)).collect())
    }

    /// A list of plain values; `None` if one of them is something else.
    fn scalars<T>(&self, key: &str, make: impl Fn(&Spanned<DeValue<'_>>) -> Option<T>) -> Option<Located<Vec<T>>> {
        let value: Option<Vec<T>> = self.table.get(key)?.get_ref().as_array()?.iter().map(make).collect();
        Some(Located { value: value?, text: self.located(key)? })
    }

    fn samples(&self, key: &str) -> Option<Located<Samples>> {
        if let Some(numbers) = self.numbers(key) {
            let samples = Samples { numbers: numbers.value, columns: None };
            return Some(Located { value: samples, text: numbers.text });
        }
        let mut samples = Samples { numbers: Vec::new(), columns: None };
        for row in self.table.get(key)?.get_ref().as_array()? {
            let row: Option<Vec<f64>> = row.get_ref().as_array()?.iter().map(float_of).collect();
            let row = row?;
            if *samples.columns.get_or_insert(row.len()) != row.len() {
                return None;
            }
            samples.numbers.extend(row);
        }
        Some(Located { value: samples, text: self.located(key)? })
    }
}

fn integer_of(value: &Spanned<DeValue<'_>>) -> Option<i64> {
    match number(value.get_ref())? {
        Number::Integer(integer) => Some(integer),
        Number::Float(_) => None,
    }
}

fn float_of(value: &Spanned<DeValue<'_>>) -> Option<f64> {
    match number(value.get_ref())? {
        Number::Integer(integer) => Some(integer as f64),
        Number::Float(float) => Some(float),
    }
}
