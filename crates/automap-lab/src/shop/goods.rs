//! The products and customers of the shop. Names and prices are those of the original's catalogue.

use serde_json::{Value, json};

/// One kind of socks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sock {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) price: f64,
    pub(crate) tags: &'static [&'static str],
}

/// The catalogue. With [`SHIPPING_PRICE`], the first one alone exceeds what payment authorises: about every ninth single-item order is declined in
/// normal operation.
pub(crate) const SOCKS: [Sock; 9] = [
    Sock { id: "holy", name: "Holy", price: 99.99, tags: &["action", "magic"] },
    Sock { id: "colourful", name: "Colourful", price: 18.0, tags: &["brown", "blue"] },
    Sock { id: "supersport-xl", name: "SuperSport XL", price: 15.0, tags: &["sport", "black"] },
    Sock { id: "crossed", name: "Crossed", price: 17.32, tags: &["blue", "action", "red", "formal"] },
    Sock { id: "figueroa", name: "Figueroa", price: 14.0, tags: &["green", "formal", "blue"] },
    Sock { id: "classic", name: "Classic", price: 12.0, tags: &["brown", "green"] },
    Sock { id: "youtube", name: "YouTube.sock", price: 10.99, tags: &["formal", "geek"] },
    Sock { id: "nerd-leg", name: "Nerd leg", price: 7.99, tags: &["blue", "skin"] },
    Sock { id: "cat", name: "Cat socks", price: 15.0, tags: &["brown", "large"] },
];

/// Added to every order.
pub(crate) const SHIPPING_PRICE: f64 = 4.99;
/// Payment declines amounts above it.
pub(crate) const MAX_AUTHORISED: f64 = 100.0;
/// Registered customers, `user-0` to `user-49`.
pub(crate) const CUSTOMERS: usize = 50;

impl Sock {
    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "price": self.price, "tag": self.tags, "count": 438,
            "description": "Limited issue; socks for those who walk the earth.",
            "imageUrl": [format!("/catalogue/images/{}.jpeg", self.id)],
        })
    }
}

/// Records that the images of catalogue-db and user-db contain from the start.
pub(crate) fn preloaded(store: &str) -> Vec<(String, String)> {
    match store {
        "catalogue-db" => {
            let all = json!(SOCKS.map(|s| s.json()));
            let mut records: Vec<_> = SOCKS.iter().map(|s| (format!("sock:{}", s.id), s.json().to_string())).collect();
            records.push(("socks".to_owned(), all.to_string()));
            records
        }
        "user-db" => (0..CUSTOMERS).flat_map(customer).collect(),
        _ => Vec::new(),
    }
}

fn customer(n: usize) -> [(String, String); 3] {
    let id = format!("user-{n}");
    let record = json!({"id": id, "username": id, "firstName": "Eve", "lastName": format!("Berger the {n}th")});
    let address = json!({"id": id, "number": n.to_string(), "street": "Whitelees Road", "city": "Glasgow"});
    let card = json!({"id": id, "longNum": "5953580604169678", "expires": "08/29", "ccv": "678"});
    [
        (format!("customer:{id}"), record.to_string()),
        (format!("address:{id}"), address.to_string()),
        (format!("card:{id}"), card.to_string()),
    ]
}
