/// The style and the script of the statistics page.
enum StatisticsPageAssets {
    static let style = """
        :root{color-scheme:light dark;--bg:#f5f6f8;--card:#fff;--ink:#1c2330;--soft:#667085;--line:#e3e6eb;\
        --head:#fafbfc;\
        --up:#0f7b47;--upb:#dff5e9;--off:#b42318;--offb:#fde7e4;--mt:#8a5300;--mtb:#fdf0d5;--dr:#1d4fb8;--drb:#e2ebfd;\
        --acc:#3555d4;--flash:#fff3bf}
        @media(prefers-color-scheme:dark){:root:not([data-theme=light]){--bg:#10141b;--card:#181e28;--ink:#e6eaf2;\
        --soft:#98a2b3;--line:#2a3240;--head:#1d2430;--up:#5ddb9c;--upb:#12351f;--off:#ff8f85;--offb:#451a17;\
        --mt:#f2bd63;\
        --mtb:#3d2c0c;--dr:#8fb2ff;--drb:#1a2a4f;--acc:#8ea4ff;--flash:#4a4216}}
        :root[data-theme=dark]{color-scheme:dark;--bg:#10141b;--card:#181e28;--ink:#e6eaf2;--soft:#98a2b3;\
        --line:#2a3240;\
        --head:#1d2430;--up:#5ddb9c;--upb:#12351f;--off:#ff8f85;--offb:#451a17;--mt:#f2bd63;--mtb:#3d2c0c;--dr:#8fb2ff;\
        --drb:#1a2a4f;--acc:#8ea4ff;--flash:#4a4216}
        :root[data-theme=light]{color-scheme:light}
        *{box-sizing:border-box}
        body{margin:0;background:var(--bg);color:var(--ink);font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,\
        sans-serif}
        header{position:sticky;top:0;z-index:3;display:flex;flex-wrap:wrap;gap:.6rem 1.5rem;align-items:center;\
        justify-content:space-between;padding:.8rem 1.2rem;background:var(--card);border-bottom:1px solid var(--line)}
        h1{font-size:1.15rem;margin:0}h1 small,h2 small{font-weight:400;color:var(--soft)}
        header p{margin:0;color:var(--soft);font-size:.85rem}
        nav{display:flex;flex-wrap:wrap;gap:.4rem;align-items:center}
        nav input,nav button,nav a{font:inherit;color:inherit;background:var(--head);border:1px solid var(--line);\
        border-radius:.45rem;padding:.35rem .7rem;text-decoration:none;cursor:pointer;min-height:2.1rem;\
        display:inline-flex;align-items:center;justify-content:center}
        nav input{cursor:text;width:13rem}nav a:hover,nav button:hover{border-color:var(--acc)}
        nav button[aria-pressed=true]{background:var(--acc);border-color:var(--acc);color:#fff}
        :root[data-theme=dark] nav button[aria-pressed=true]{color:#10141b}
        main{padding:1rem 1.2rem;display:grid;gap:1rem;grid-template-columns:minmax(0,1fr)}
        .tiles{list-style:none;margin:0;padding:0;display:grid;gap:.7rem;grid-template-columns:repeat(auto-fit,\
        minmax(9rem,1fr))}
        .tiles li{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.6rem .8rem;\
        display:grid}
        .tiles span,.tiles small{color:var(--soft);font-size:.8rem}.tiles b{font-size:1.35rem;\
        font-variant-numeric:tabular-nums}
        section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;overflow:hidden}
        h2{font-size:1rem;margin:0;padding:.7rem .9rem}
        .scroll{overflow-x:auto;border-top:1px solid var(--line)}
        table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;white-space:nowrap}
        th,td{padding:.35rem .42rem;text-align:right;border-bottom:1px solid var(--line)}
        tbody tr:last-child>*{border-bottom:0}
        thead th{background:var(--head);font-weight:500;color:var(--soft);font-size:.78rem;padding:.2rem .42rem}
        .groups th{border-left:1px solid var(--line);text-align:center}
        thead button{all:unset;cursor:pointer;padding:.15rem 0}thead button:focus-visible{outline:2px solid var(--acc)}
        th[aria-sort=ascending] button::after{content:" ↑"}th[aria-sort=descending] button::after{content:" ↓"}
        tbody th,thead tr:last-child th:first-child{position:sticky;left:0;background:var(--card);text-align:left;\
        z-index:1}
        thead tr:last-child th:first-child{background:var(--head)}
        tbody th b{font-weight:600}tbody th small{display:block;color:var(--soft);font-weight:400}
        td:nth-child(2),thead tr:last-child th:nth-child(2){text-align:left}
        tr.frontend>*,tr.backend>*{background:var(--head)}tr.frontend th,tr.backend th{background:var(--head)}
        .state{display:inline-block;border-radius:1rem;padding:.05rem .6rem;font-size:.8rem;font-weight:600;\
        background:var(--line)}
        .state.up{color:var(--up);background:var(--upb)}.state.off{color:var(--off);background:var(--offb)}
        .state.maint{color:var(--mt);background:var(--mtb)}.state.drain{color:var(--dr);background:var(--drb)}
        .bad{color:var(--off);font-weight:600}.flash{animation:f 1.2s}@keyframes f{from{background:var(--flash)}}
        @media(prefers-reduced-motion:reduce){.flash{animation:none}}
        .actions{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin:0;padding:.6rem .9rem;\
        border-top:1px solid var(--line)}.actions select,.actions button{font:inherit;color:inherit;\
        background:var(--head);border:1px solid var(--line);border-radius:.45rem;padding:.3rem .6rem;min-height:2.1rem}\
        tbody th input{width:1.1rem;height:1.1rem;margin:0 .5rem 0 0;vertical-align:middle;accent-color:var(--acc)}\
        .modules{padding:.5rem .9rem;border-top:1px solid var(--line);font-size:.85rem}.modules summary{cursor:pointer;\
        color:var(--soft)}.modules h3{font-size:.85rem;margin:.6rem 0 .2rem}.modules ul{list-style:none;margin:0;\
        padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem}
        .outcome{display:block;border-radius:.6rem;margin:1rem 1.2rem 0;padding:.6rem .9rem;font-size:.9rem}.outcome a{color:inherit}
        footer{padding:0 1.2rem 1.2rem;color:var(--soft);font-size:.8rem}[hidden]{display:none!important}
        @media(max-width:720px){header{position:static;padding:.8rem}main{padding:.8rem}nav{width:100%}\
        nav input{flex:1 1 100%}\
        nav a,nav button{flex:1 1 auto;text-align:center;min-height:2.6rem}.tiles{grid-template-columns:repeat(2,1fr)}\
        thead{display:none}table,tbody,tr{display:block}tbody tr{padding:.6rem .8rem;\
        border-bottom:1px solid var(--line);\
        display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:.15rem .9rem}\
        tbody tr:last-child{border-bottom:0}tr.frontend,tr.backend{background:var(--head)}\
        tbody th,tbody td{border:0;padding:.15rem 0;position:static;display:flex;justify-content:space-between;\
        gap:.5rem}\
        tbody th{display:block}td:nth-child(2){justify-content:flex-end}td[data-v=""]{display:none}\
        td::before{content:attr(data-l);color:var(--soft)}td:nth-child(2)::before{content:none}}
        """

    static let script = #"""
        (function(){"use strict";
        var root=document.documentElement,data=document.getElementById("data"),live=document.getElementById("live"),
        find=document.getElementById("find"),every=+document.body.dataset.refresh||0,sort={},timer=0;
        function keep(k,v){try{if(v===undefined)return localStorage.getItem(k);localStorage.setItem(k,v)}catch(e){}return null}
        var theme=keep("portico-theme");if(theme)root.dataset.theme=theme;
        document.getElementById("theme").onclick=function(){
        var dark=root.dataset.theme?root.dataset.theme==="dark":matchMedia("(prefers-color-scheme:dark)").matches;
        root.dataset.theme=dark?"light":"dark";keep("portico-theme",root.dataset.theme)};
        function value(row,i){var v=row.children[i].dataset.v;return v===""?null:isNaN(v)?v.toLowerCase():+v}
        function order(section){var s=sort[section.dataset.proxy];
        section.querySelectorAll("thead tr:last-child th").forEach(function(th,i){
        if(s&&s.i===i)th.setAttribute("aria-sort",s.d>0?"ascending":"descending");else th.removeAttribute("aria-sort")});
        if(!s)return;var body=section.querySelector("tbody"),rows=[].slice.call(body.querySelectorAll("tr.server"));
        rows.sort(function(a,b){var x=value(a,s.i),y=value(b,s.i);
        if(x===y)return 0;if(x===null)return 1;if(y===null)return-1;return(x<y?-1:1)*s.d});
        var end=body.querySelector("tr.backend");rows.forEach(function(r){body.insertBefore(r,end)})}
        function filter(){var q=find.value.trim().toLowerCase();
        data.querySelectorAll("section").forEach(function(s){var own=s.dataset.proxy.toLowerCase().indexOf(q)>=0,any=own;
        s.querySelectorAll("tbody tr").forEach(function(r){var hit=own||r.textContent.toLowerCase().indexOf(q)>=0;
        r.hidden=!hit;any=any||hit});s.hidden=!any})}
        function dress(){data.querySelectorAll("section").forEach(order);filter()}
        data.addEventListener("click",function(e){var b=e.target.closest("thead button");if(!b)return;
        var th=b.parentNode,section=th.closest("section"),i=[].indexOf.call(th.parentNode.children,th),
        s=sort[section.dataset.proxy];
        sort[section.dataset.proxy]=s&&s.i===i?(s.d<0?{i:i,d:1}:undefined):{i:i,d:i<2?1:-1};order(section)});
        find.addEventListener("input",filter);
        function fetchNow(){return fetch(location.href,{cache:"no-store",credentials:"same-origin"}).then(function(r){
        if(!r.ok)throw r;return r.text()}).then(function(t){
        var page=new DOMParser().parseFromString(t,"text/html"),fresh=page.getElementById("data"),old={};
        data.querySelectorAll("section").forEach(function(s){s.querySelectorAll("tbody tr").forEach(function(r){
        old[s.dataset.proxy+"/"+r.className+"/"+r.children[0].dataset.v]=[].map.call(r.children,function(c){
        return c.dataset.v})})});
        var scrolls={};data.querySelectorAll("section").forEach(function(s){
        scrolls[s.dataset.proxy]=s.querySelector(".scroll").scrollLeft});
        data.innerHTML=fresh.innerHTML;document.getElementById("uptime").textContent=
        page.getElementById("uptime").textContent;dress();
        data.querySelectorAll("section").forEach(function(s){s.querySelector(".scroll").scrollLeft=scrolls[s.dataset.proxy]||0;
        s.querySelectorAll("tbody tr").forEach(function(r){
        var was=old[s.dataset.proxy+"/"+r.className+"/"+r.children[0].dataset.v];if(!was)return;
        [].forEach.call(r.children,function(c,i){if(i<r.children.length-1&&was[i]!==c.dataset.v)c.classList.add("flash")})})})})}
        function turn(on){live.setAttribute("aria-pressed",on);clearTimeout(timer);if(on)next()}
        function next(){timer=setTimeout(function(){if(document.hidden||data.querySelector("input:checked,select:focus,details[open]"))return next();
        fetchNow().catch(function(){}).then(function(){if(live.getAttribute("aria-pressed")==="true")next()})},(every||2)*1000)}
        live.onclick=function(){turn(live.getAttribute("aria-pressed")!=="true")};
        dress();if(every)turn(true)})();
        """#
}
