// Visitors of Sock Shop's front-end, for k6: look, log in, choose, buy.
//   k6 run -e HOST=$(minikube ip) -e PORT=30001 -e VUS=10 -e DURATION=30m deploy/load/sock-shop.js
// HOST, PORT, VUS, DURATION and THINK (seconds between pages) are what can be set. Steady load is what automap needs: no ramps, no bursts.
import http from 'k6/http';
import { check, sleep } from 'k6';
import { b64encode } from 'k6/encoding';

const base = `http://${__ENV.HOST || 'localhost'}:${__ENV.PORT || '30001'}`;
const think = Number(__ENV.THINK || '1');
// The customers that the image of user-db brings.
const customers = ['user:password', 'user1:password', 'Eve_Berger:eve'];

export const options = {
  vus: Number(__ENV.VUS || '10'),
  duration: __ENV.DURATION || '10m',
  // A run that ends in failures says so: during a fault that is meant, so it does not stop the run.
  thresholds: { checks: ['rate>0.9'] },
};

// A jar of cookies for each visit: a new session, as a browser makes one.
export default function () {
  const jar = new http.CookieJar();
  const visit = { jar, timeout: '20s' };
  const page = (name, path) => {
    const answer = http.get(base + path, { ...visit, tags: { name } });
    check(answer, { [`${name} is answered`]: (a) => a.status === 200 });
    sleep(think);
    return answer;
  };

  page('home', '/');
  const socks = page('catalogue', '/catalogue');
  const id = affordable(socks);
  const customer = customers[__VU % customers.length];
  const login = http.get(`${base}/login`, { ...visit, headers: { Authorization: `Basic ${b64encode(customer)}` }, tags: { name: 'login' } });
  if (!check(login, { 'login is answered': (a) => a.status === 200 }) || !id) return;
  page('category', '/category.html');
  page('detail', `/detail.html?id=${id}`);
  check(http.del(`${base}/cart`, null, { ...visit, tags: { name: 'empty cart' } }), { 'cart is emptied': (a) => a.status === 202 || a.status === 200 });
  const json = { ...visit, headers: { 'Content-Type': 'application/json' } };
  const added = http.post(`${base}/cart`, JSON.stringify({ id, quantity: 1 }), { ...json, tags: { name: 'add to cart' } });
  check(added, { 'sock is added': (a) => a.status === 201 || a.status === 200 });
  page('basket', '/basket.html');
  const ordered = http.post(`${base}/orders`, null, { ...json, tags: { name: 'order' } });
  check(ordered, { 'order is taken': (a) => a.status === 201 });
  sleep(think);
}

// payment declines above 100: the sock for 99.99 plus 4.99 for the parcel would be a 406 in the best of health.
function affordable(answer) {
  if (answer.status !== 200) return null;
  let socks;
  try {
    socks = answer.json();
  } catch {
    return null;
  }
  const cheap = Array.isArray(socks) ? socks.filter((s) => s.price < 40) : [];
  return cheap.length ? cheap[Math.floor(Math.random() * cheap.length)].id : null;
}
